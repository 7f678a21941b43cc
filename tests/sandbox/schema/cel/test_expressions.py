from typing import Any

import pytest

from kthena_sandbox.schema.cel.compiling import compiled
from kthena_sandbox.schema.cel.kinds import CelError
from kthena_sandbox.schema.cel.lexing import CelSyntaxError
from kthena_sandbox.schema.cel.rules import rule_or_refusal

SELF: dict[str, Any] = {
    "name": "web", "port": 80, "ratio": 0.5, "on": True, "none": None, "tags": ["a", "b"],
    "namespace": "team", "labels": {"a": "1"}, "items": [{"n": 1}, {"n": 2}, {"n": 2}],
}  # fmt: skip


def value(text: str) -> Any:
    return compiled(text)({"self": SELF, "oldSelf": None})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 + 2 * 3 - 4", 3),
        ("(1 + 2) * 3", 9),
        ("7 / 2", 3),
        ("-7 / 2", -3),
        ("-7 % 2", -1),
        ("0x1F", 31),
        ("1.5 + 1.5", 3.0),
        ("3.0 / 2.0", 1.5),
        ("2.0 * 3.0 - 1.0", 5.0),
        ("'a' + \"b\"", "ab"),
        ("[1] + [2]", [1, 2]),
        (r"'\n\x41\u00fc\101\\'", "\nA\u00fcA\\"),
        (r"r'\d'", r"\d"),
        ("'''it's'''", "it's"),
        ('r"""a"b"""', 'a"b'),
        ("self.name", "web"),
        ("self.__namespace__", "team"),
        ("self['name']", "web"),
        ("self.tags[1]", "b"),
        ("self.port > 79 ? 'high' : 'low'", "high"),
        ("false ? 1 : true ? 2 : 3", 2),
        ("size(self.tags) + self.name.size() + size(self.labels)", 6),
        ("self.items.filter(i, i.n == 2).size()", 2),
        ("self.items.map(i, i.n)", [1, 2, 2]),
        ("self.items.map(i, i.n > 1, i.n * 10)", [20, 20]),
        ("'a/b'.split('/')[0]", "a"),
        ("'Ab'.lowerAscii() + 'Ab'.upperAscii() + ' x '.trim()", "abABx"),
        ("'abc'.replace('b', 'x').indexOf('c')", 2),
        ("int('7') + int(2.9)", 9),
        ("string(1) + string(true)", "1true"),
        ("double('1.5')", 1.5),
        ("dyn(1)", 1),
        ("1 // with a remark", 1),
        ("[3, 1, 2].max() + [3, 1, 2].min() + [3, 1].sum() + [].sum()", 8),
        ("[1, 2, 2].isSorted() && !['b', 'a'].isSorted()", True),
        ("[1, 2, 1].lastIndexOf(1) * 10 + ['a'].indexOf('b')", 19),
        ("['a', 'b'].join('-') + ['c'].join()", "a-bc"),
        ("'abc 123'.find('[0-9]+') + '1 2'.findAll('[0-9]')[1]", "1232"),
        ("'hello'.substring(1, 3) + 'hello'.substring(4) + 'abc'.charAt(1)", "elob"),
    ],
)
def test_values(text: str, expected: Any) -> None:
    found = value(text)
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(
    "text",
    [
        "1 == 1.0", "'a' != 'b'", "1 != '1'", "true != 1", "[1, 'a'] == [1, 'a']", "null == self.none",
        "1 < 2 && 2 <= 2 && 'b' > 'a' && 2.5 >= 2", "'a' in self.tags", "'a' in self.labels",
        "!('c' in self.tags)", "has(self.name) && !has(self.missing)", "has(self.labels.a)",
        "self.tags.all(t, t.size() == 1)", "self.tags.exists(t, t == 'b')",
        "self.items.exists_one(i, i.n == 1) && !self.items.exists_one(i, i.n == 2)",
        "self.labels.all(key, key == 'a')", "self.name.startsWith('w') && self.name.endsWith('b')",
        "self.name.contains('e') && self.name.matches('^w.b$') && matches('xwx', 'w')",
        "duration('1h30m') == duration('5400s') && duration('-1ms') < duration('0s')",
        "duration('1s') + duration('500ms') == duration('1.5s')",
        # an error counts only where it decides
        "self.missing == 1 || true", "true || self.missing == 1", "!(self.missing == 1 && false)",
        "self.tags.exists(t, t == 'b' || self.missing)", "!self.tags.all(t, t == 'c' && self.missing)",
        "!false", "!!true", "-self.port == -80", "self.on",
    ],
)  # fmt: skip
def test_what_holds(text: str) -> None:
    assert value(text) is True


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("self.missing", "no such key: missing"),
        ("self.name.first", "no such overload: first"),
        ("self.tags[2]", "index out of bounds: 2"),
        ("self.labels['b']", "no such key: b"),
        ("self.port['b']", "no such overload"),
        ("1 / 0", "division by zero"),
        ("1 + 'a'", "no such overload"),
        ("1 < 'a'", "no such overload"),
        ("!1", "no such overload"),
        ("-'a'", "no such overload"),
        ("1 ? 2 : 3", "no such overload"),
        ("1 in 2", "no such overload"),
        ("true && 1", "no such overload"),
        ("self.port.all(p, true)", "expression of type that is not iterable in a comprehension"),
        ("self.tags.filter(t, 1)", "no such overload"),
        ("size(1)", "no such overload: size"),
        ("size()", "no such overload: size"),
        ("1.startsWith('a')", "no such overload: startsWith"),
        ("'a'.startsWith()", "no such overload: startsWith"),
        ("duration('soon')", 'time: invalid duration "soon"'),
        ("int('x')", "type conversion error from 'string' to 'int'"),
        ("double([])", "no such overload: double"),
        ("has(self.port.x)", "no such overload"),
        ("other", "undeclared reference to 'other' (in container '')"),
    ],
)
def test_what_has_no_value(text: str, why: str) -> None:
    with pytest.raises(CelError) as failed:
        value(text)
    assert str(failed.value) == why


def test_a_rule_that_cannot_be_read_never_holds() -> None:
    rule = rule_or_refusal({"rule": "self.odd("})
    with pytest.raises(CelError, match="Syntax error: mismatched input '<EOF>'"):
        rule.code({"self": 1})


def test_an_expression_within_too_many_others() -> None:
    with pytest.raises(CelSyntaxError, match="expression recursion limit exceeded: 250"):
        compiled("(" * 5000)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.2.3.4", True),
        ("01.2.3.4", False),
        ("::1", True),
        ("::ffff:1.2.3.4", False),
        ("fe80::1%eth0", False),
        ("1.2.3", False),
        ("", False),
    ],
)
def test_addresses(text: str, expected: bool) -> None:
    assert value(f"isIP('{text}')") is expected


def test_named_formats() -> None:
    assert value("format.dns1123Label().validate('abc').hasValue()") is False
    assert value("format.dns1123Label().validate('abc') == null") is False  # an optional is no null
    assert value("format.dns1123Label().validate('A_').value()[0].startsWith('a lowercase')")
    assert value("format.labelValue().validate('a b').hasValue()")
    with pytest.raises(CelError, match="no such overload: validate"):
        value("'a'.validate('b')")
