"""Which expressions a definition may have: what a kube-apiserver 1.34 says of each."""

from typing import Any

import pytest

from kthena_sandbox.schema.cel.checking import check
from kthena_sandbox.schema.cel.lexing import CelSyntaxError
from kthena_sandbox.schema.cel.schematypes import schema_type

PROPERTIES: dict[str, Any] = {
    "s": {"type": "string"}, "i": {"type": "integer"}, "n": {"type": "number"}, "b": {"type": "boolean"},
    "l": {"type": "array", "items": {"type": "string"}}, "li": {"type": "array", "items": {"type": "integer"}},
    "m": {"type": "object", "additionalProperties": {"type": "string"}},
    "o": {"type": "object", "properties": {"x": {"type": "string"}}},
    "t": {"type": "string", "format": "date-time"}, "d": {"type": "string", "format": "duration"},
    "by": {"type": "string", "format": "byte"}, "ios": {"x-kubernetes-int-or-string": True},
    "any": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
    "namespace": {"type": "string"}, "a-b": {"type": "string"}, "date": {"type": "string", "format": "date"},
    "lo": {"type": "array", "items": {"type": "object", "properties": {"k": {"type": "string"}}}},
}  # fmt: skip
SELF = schema_type({"type": "object", "properties": PROPERTIES}, "selfType")
assert SELF is not None
VARIABLES = {"self": SELF, "oldSelf": SELF}


@pytest.mark.parametrize(
    "text",
    [
        "self.n > 1",
        "self.n > self.i",
        "self.m.foo == 's'",
        "self.t > timestamp('2020-01-01T00:00:00Z')",
        "self.d > duration('1s')",
        "self.by == b'abc'",
        "self.ios == 1 || self.ios == 's'",
        "self.namespace == 's'",
        "self.__namespace__ == 's'",
        "self.a__dash__b == 's'",
        "self.date > timestamp('2020-01-01T00:00:00Z')",
        "has(self.s) && self.s != ''",
        "oldSelf.s == self.s",
        "self.s in self.m",
        "self.l.exists(x, y, x == 1)",
        "self.l.all(i, v, i == 1 && v == 's')",
        "self.o == null",
        "quantity('x').isGreaterThan(quantity('1'))",
        "self.s.format([1]) == 's'",
        "'%s'.format([1]) == 's'",
        "self.l[?0].orValue('x') == 'a'",
        "type(self.s) == string",
        "semver('1.0.0').major() == 1",
        "isSemver('x')",
        "self.l.map(x, x).size() == 1",
        "self.l.transformList(i, v, i > 0, v).size() == 1",
        "self.m.transformMapEntry(k, v, {v: k})['a'] == 'b'",
        "quantity('1').add(1) == quantity('2')",
        "[?self.?s] == ['a']",
        "{?'a': self.?s} == {'a': 'b'}",
        "dyn(1) == 's'",
        "self.l.all(self, self == 'a')",
    ],
)
def test_what_may_be_written(text: str) -> None:
    assert str(check(text, VARIABLES)) == "bool"


@pytest.mark.parametrize(
    ("text", "complaints"),
    [
        ("self.foo == 1", ["1:5: undefined field 'foo'"]),
        ("self.s == 1", ["1:8: found no matching overload for '_==_' applied to '(string, int)'"]),
        ("self.s > 1", ["1:8: found no matching overload for '_>_' applied to '(string, int)'"]),
        ("self.i + 's' == 's'", ["1:8: found no matching overload for '_+_' applied to '(int, string)'"]),
        ("self.i == 1.0", ["1:8: found no matching overload for '_==_' applied to '(int, double)'"]),
        ("self.l.all(x, x == 1)", ["1:17: found no matching overload for '_==_' applied to '(string, int)'"]),
        ("self.lo.all(x, x.q == 's')", ["1:17: undefined field 'q'"]),
        ("self.o.z == 'a'", ["1:7: undefined field 'z'"]),
        ("self.m['foo'] == 1", ["1:15: found no matching overload for '_==_' applied to '(string, int)'"]),
        ("foo == 1", ["1:1: undeclared reference to 'foo' (in container '')"]),
        ("self.s.foo()", ["1:11: undeclared reference to 'foo' (in container '')"]),
        ("self.s.startsWith(1)", ["1:18: found no matching overload for 'startsWith' applied to 'string.(int)'"]),
        ("foo(1)", ["1:4: undeclared reference to 'foo' (in container '')"]),
        ("self.s == ", ["1:11: Syntax error: mismatched input '<EOF>' expecting {'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}"]),
        ("self.s == 'a' && ", ["1:18: Syntax error: mismatched input '<EOF>' expecting {'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}"]),
        ("self.s @ 1", ["1:8: Syntax error: token recognition error at: '@'", "1:10: Syntax error: extraneous input '1' expecting <EOF>"]),
        ("self.s.matches('(')", ["1:16: invalid matches argument"]),
        ("self.t == 's'", ["1:8: found no matching overload for '_==_' applied to '(timestamp, string)'"]),
        ("self.any.x == 1", ["1:9: undefined field 'x'"]),
        ("has(self.foo)", ["1:4: undefined field 'foo'"]),
        ("size(self.l) > 's'", ["1:14: found no matching overload for '_>_' applied to '(int, string)'"]),
        ("self.l[0] == 1", ["1:11: found no matching overload for '_==_' applied to '(string, int)'"]),
        ("self.l['a'] == 's'", ["1:7: found no matching overload for '_[_]' applied to '(list(string), string)'"]),
        ("self.metadata.name == 's'", ["1:5: undefined field 'metadata'"]),
        ("!self.s", ["1:1: found no matching overload for '!_' applied to '(string)'"]),
        ("-self.s == 1", ["1:1: found no matching overload for '-_' applied to '(string)'"]),
        ("self.b ? true : 's'", ["1:8: found no matching overload for '_?_:_' applied to '(bool, bool, string)'"]),
        ("self.i ? true : false", ["1:8: found no matching overload for '_?_:_' applied to '(int, bool, bool)'"]),
        ("self.l + self.li == []", ["1:8: found no matching overload for '_+_' applied to '(list(string), list(int))'"]),
        ("self.i in self.l", ["1:8: found no matching overload for '@in' applied to '(int, list(string))'"]),
        ("[1,'a'].size() == 2", ["1:4: expected type 'int' but found 'string'"]),
        ("{'a': 1, 'b': 's'}.size() == 2", ["1:15: expected type 'int' but found 'string'"]),
        ("self.l.map(x, size(x)).all(x, x == 's')", ["1:33: found no matching overload for '_==_' applied to '(int, string)'"]),
        ("self.s == null", ["1:8: found no matching overload for '_==_' applied to '(string, null)'"]),
        ("self.l.filter(x, x).size() == 1", ["1:14: found no matching overload for '_?_:_' applied to '(string, list(string), list(string))'"]),
        ("quantity('1Gi') > 1", ["1:17: found no matching overload for '_>_' applied to '(kubernetes.Quantity, int)'"]),
        ("isQuantity(1)", ["1:11: found no matching overload for 'isQuantity' applied to '(int)'"]),
        ("url('x') == 1", ["1:10: found no matching overload for '_==_' applied to '(kubernetes.URL, int)'"]),
        ("sets.contains(self.l, [1])", ["1:14: found no matching overload for 'sets.contains' applied to '(list(string), list(int))'"]),
        ("self.s.lowerAscii() == 1", ["1:21: found no matching overload for '_==_' applied to '(string, int)'"]),
        ("optional.of(1) == 1", ["1:16: found no matching overload for '_==_' applied to '(optional_type(int), int)'"]),
        ("self.?foo.hasValue()", ["1:5: undefined field 'foo'"]),
        ("self.?s.orValue('x') == 1", ["1:22: found no matching overload for '_==_' applied to '(string, int)'"]),
        ("1 == 1u", ["1:3: found no matching overload for '_==_' applied to '(int, uint)'"]),
        ("uint(1) == self.i", ["1:9: found no matching overload for '_==_' applied to '(uint, int)'"]),
        ("math.greatest(1,2) == 2", ["1:1: undeclared reference to 'math' (in container '')", "1:14: undeclared reference to 'greatest' (in container '')"]),
        ("cel.bind(x, 1, x == 1)", ["1:1: undeclared reference to 'cel' (in container '')", "1:9: undeclared reference to 'bind' (in container '')", "1:10: undeclared reference to 'x' (in container '')", "1:16: undeclared reference to 'x' (in container '')"]),
        ("self.s.reverse() == ''", ["1:15: undeclared reference to 'reverse' (in container '')"]),
        ("self.lo.all(x, self.s == x.k && x.k == 1)", ["1:37: found no matching overload for '_==_' applied to '(string, int)'"]),
        ("self.s == 'a' || self.foo == 's' || self.bar == 1", ["1:22: undefined field 'foo'", "1:41: undefined field 'bar'"]),
        ("self.l.all(x, x)", ["1:15: expected type 'bool' but found 'string'"]),
        ("self.l.exists_one(x, x)", ["1:18: found no matching overload for '_?_:_' applied to '(string, int, int)'"]),
        ("self.l.exists(x, 1)", ["1:18: expected type 'bool' but found 'int'"]),
        ("self.l.map(x, x, x).size() == 1", ["1:11: found no matching overload for '_?_:_' applied to '(string, list(string), list(string))'"]),
        ("self.m.transformMap(k, v, k + v)['a'] == 1", ["1:39: found no matching overload for '_==_' applied to '(string, int)'"]),
        ("self.l.existsOne(i, v, i == v)", ["1:26: found no matching overload for '_==_' applied to '(int, string)'"]),
        ("self.l.map(x + 1, x)", ["1:14: argument is not an identifier"]),
        ("self.l.map(x)", ["1:11: undeclared reference to 'map' (in container '')", "1:12: undeclared reference to 'x' (in container '')"]),
        ("has(self)", ["1:5: invalid argument to has() macro"]),
        ("has(self.s, self.i)", ["1:4: undeclared reference to 'has' (in container '')"]),
        ("self.s.x == 1", ["1:7: type 'string' does not support field selection"]),
        ("1.x == 1", ["1:2: type 'int' does not support field selection"]),
        ("self.o == 1", ["1:8: found no matching overload for '_==_' applied to '(selfType.o, int)'"]),
        ("self.l == 1", ["1:8: found no matching overload for '_==_' applied to '(list(string), int)'"]),
        ("self.o.x.y.z == 1", ["1:9: type 'string' does not support field selection"]),
        ("ip('1.1.1.1') == 1", ["1:15: found no matching overload for '_==_' applied to '(net.IP, int)'"]),
        ("cidr('1.1.1.1/8') == 1", ["1:19: found no matching overload for '_==_' applied to '(net.CIDR, int)'"]),
        ("format.dns1123Label() == 1", ["1:23: found no matching overload for '_==_' applied to '(kubernetes.NamedFormat, int)'"]),
        ("format.named('x') == 1", ["1:19: found no matching overload for '_==_' applied to '(optional_type(kubernetes.NamedFormat), int)'"]),
        ("self.s.size(1) == 1", ["1:12: found no matching overload for 'size' applied to 'string.(int)'"]),
        ("type(self.s) == 1", ["1:14: found no matching overload for '_==_' applied to '(type(string), int)'"]),
        ("timestamp(1).getHours() == 's'", ["1:25: found no matching overload for '_==_' applied to '(int, string)'"]),
        ("(self.s", ["1:8: Syntax error: missing ')' at '<EOF>'"]),
        ("self.s)", ["1:7: Syntax error: extraneous input ')' expecting <EOF>"]),
        ("self.l[", ["1:8: Syntax error: mismatched input '<EOF>' expecting {'[', '{', '(', '.', '-', '!', '?', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}"]),
        ("[1, 2", ["1:6: Syntax error: mismatched input '<EOF>' expecting {']', ','}"]),
        ("{'a': 1", ["1:8: Syntax error: mismatched input '<EOF>' expecting {'}', ','}"]),
        ("{'a'}", ["1:5: Syntax error: mismatched input '}' expecting ':'"]),
        ("self..s", ["1:6: Syntax error: no viable alternative at input '..'"]),
        ("self.s self.s", ["1:8: Syntax error: mismatched input 'self' expecting <EOF>"]),
        ('"abc', ['1:1: Syntax error: token recognition error at: \'"abc\'', "1:5: Syntax error: mismatched input '<EOF>' expecting {'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}"]),
        ("'a' + b", ["1:7: undeclared reference to 'b' (in container '')"]),
        ("if == 1", ["1:1: reserved identifier: if"]),
        ("self.for == 'x'", ["1:5: undefined field 'for'"]),
        ("for == 1", ["1:1: reserved identifier: for"]),
        ("self.s = 'a'", ["1:8: Syntax error: token recognition error at: '= '", "1:10: Syntax error: extraneous input ''a'' expecting <EOF>"]),
        ("self.s & 'a'", ["1:8: Syntax error: token recognition error at: '& '", "1:10: Syntax error: extraneous input ''a'' expecting <EOF>"]),
        ("a ? b", ["1:6: Syntax error: mismatched input '<EOF>' expecting ':'"]),
        ("1 +", ["1:4: Syntax error: mismatched input '<EOF>' expecting {'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}"]),
        ("* 1", ["1:1: Syntax error: extraneous input '*' expecting {'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}"]),
        ("true && 1", ["1:9: expected type 'bool' but found 'int'"]),
        ("1 || self.b", ["1:1: expected type 'bool' but found 'int'"]),
        ("self.l.indexOf('a') == 'b'", ["1:21: found no matching overload for '_==_' applied to '(int, string)'"]),
        ("quantity('1').isGreaterThan(1)", ["1:28: found no matching overload for 'isGreaterThan' applied to 'kubernetes.Quantity.(int)'"]),
        ("url('http://a').getHost() == 1", ["1:27: found no matching overload for '_==_' applied to '(string, int)'"]),
        ("self.i.matches('a')", ["1:15: found no matching overload for 'matches' applied to 'int.(string)'"]),
        ("duration('x') == duration('1s')", ["1:10: invalid duration argument"]),
        ("timestamp('x') == timestamp('2020-01-01T00:00:00Z')", ["1:11: invalid timestamp argument"]),
        ("'a' in {'a': 1} && 1 in [1u]", ["1:22: found no matching overload for '@in' applied to '(int, list(uint))'"]),
        ("self.m.k == 's' && self.m.l == 1", ["1:29: found no matching overload for '_==_' applied to '(string, int)'"]),
        ("oldSelf == self || self.?m[?'a'] == optional.of(1)", ["1:34: found no matching overload for '_==_' applied to '(optional_type(string), optional_type(int))'"]),
        ("string(self.o) == 'a'", ["1:7: found no matching overload for 'string' applied to '(selfType.o)'"]),
        ("99999999999999999999 == 1", ["1:1: invalid int literal"]),
    ],
)  # fmt: skip
def test_what_may_not(text: str, complaints: list[str]) -> None:
    with pytest.raises(CelSyntaxError) as refused:
        check(text, VARIABLES)
    said = str(refused.value).splitlines()
    assert [line.removeprefix("ERROR: <input>:") for line in said[::3]] == complaints
    assert set(said[1::3]) == {f" | {text}"}
    assert [len(line) - len(" | ") for line in said[2::3]] == [
        int(complaint.split(":")[1]) for complaint in complaints
    ]


def test_the_line_that_is_meant_is_shown() -> None:
    with pytest.raises(CelSyntaxError) as refused:
        check("self.s == 'a' ||\n  self.foo", VARIABLES)
    assert str(refused.value) == (
        "ERROR: <input>:2:7: undefined field 'foo'\n |   self.foo\n | ......^"
    )
