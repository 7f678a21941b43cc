"""The functions that Kubernetes adds to CEL, as its documentation and cel-go's describe them."""

from typing import Any

import pytest

from kthena_sandbox.schema.cel.compiling import compiled
from kthena_sandbox.schema.cel.kinds import CelError

SELF: dict[str, Any] = {"a": "x", "tags": ["a", "b"], "labels": {"k": "v", "l": "w"}}


def value(text: str) -> Any:
    return compiled(text)({"self": SELF})


@pytest.mark.parametrize(
    "text",
    [
        # URLs
        "url('https://user@a.example:8080/p%20q/r?x=1&x=2&y').getHost() == 'a.example:8080'",
        "url('https://a.example:8080/p').getHostname() == 'a.example'",
        "url('https://[::1]:80/p').getHostname() == '::1' && url('https://[::1]:80/').getPort() == '80'",
        "url('https://a/p q').getEscapedPath() == '/p%20q' && url('/a').getScheme() == ''",
        "url('https://a/?x=1&x=2').getQuery() == {'x': ['1', '2']}",
        "isURL('https://a/b') && isURL('/b') && !isURL('b') && !isURL('https://a:b:c/')",
        # addresses
        "ip('127.0.0.1').isLoopback() && ip('::').isUnspecified() && ip('10.0.0.1').isGlobalUnicast()",
        "ip('224.0.0.5').isLinkLocalMulticast() && ip('169.254.1.1').isLinkLocalUnicast()",
        "ip('fe80::1').family() == 6 && ip('1.2.3.4').family() == 4 && string(ip('::0')) == '::'",
        "ip.isCanonical('::1') && !ip.isCanonical('0::1') && ip('::1') == ip('0:0::1')",
        "cidr('10.1.2.3/8').containsIP('10.9.9.9') && !cidr('10.0.0.0/8').containsIP(ip('11.0.0.1'))",
        "cidr('10.0.0.0/8').containsCIDR('10.1.0.0/16') && !cidr('10.1.0.0/16').containsCIDR(cidr('10.0.0.0/8'))",
        "cidr('10.1.2.3/8').ip() == ip('10.1.2.3') && cidr('10.1.2.3/8').masked() == cidr('10.0.0.0/8')",
        "cidr('::1/64').prefixLength() == 64 && isCIDR('1.2.3.4/5') && !isCIDR('1.2.3.4') && !isCIDR('a/1')",
        # quantities
        "quantity('1Gi').isGreaterThan(quantity('1G')) && quantity('500m').isLessThan(quantity('1'))",
        "quantity('1k').compareTo(quantity('1000')) == 0 && quantity('1k') == quantity('1000')",
        "quantity('2').add(1).sub(quantity('500m')) == quantity('2500m')",
        "quantity('50k').asInteger() == 50000 && quantity('1500m').asApproximateFloat() == 1.5",
        "!quantity('1500m').isInteger() && sign(quantity('-1')) == -1 && isQuantity('1M') && !isQuantity('x')",
        # versions
        "semver('1.2.3').major() == 1 && semver('1.2.3').minor() == 2 && semver('1.2.3').patch() == 3",
        "semver('1.0.0-alpha.2').isLessThan(semver('1.0.0-alpha.10')) && semver('1.0.0').compareTo(semver('1.0.0-rc')) == 1",
        "isSemver('1.2.3') && !isSemver('v1.2') && isSemver('v1.02', true) && semver('v1', true) == semver('1.0.0')",
        # sets
        "sets.contains([1, 2], [2]) && !sets.contains([1], [1, 2]) && sets.contains([], [])",
        "sets.equivalent([1, 2, 1], [2, 1]) && sets.intersects([1, 2], [2, 3]) && !sets.intersects([1], [])",
        # times
        "timestamp('2026-01-02T03:04:05.5Z').getFullYear() == 2026 && timestamp('2026-01-02T03:04:05Z').getMonth() == 0",
        "timestamp('2026-01-02T23:30:00Z').getDate('+01:00') == 3 && timestamp('2026-01-02T03:04:05Z').getDayOfWeek() == 5",
        "timestamp('2026-01-02T03:04:05Z') - timestamp('2026-01-02T03:04:00Z') == duration('5s')",
        "timestamp('2026-01-02T00:00:00Z') + duration('24h') > timestamp('2026-01-02T23:00:00-00:30')",
        "duration('90m').getHours() == 1 && duration('90m').getMinutes() == 90 && duration('1s').getMilliseconds() == 1000",
        "string(timestamp('2026-01-02T03:04:05.250+01:00')) == '2026-01-02T03:04:05.25+01:00' && string(duration('1.5m')) == '90s'",
        "int(timestamp('1970-01-01T00:01:00Z')) == 60 && timestamp(60) == timestamp('1970-01-01T00:01:00Z')",
        # formats of texts
        "'%s is %d, %.2f and %x of %s'.format(['a', 1, 2.5, 255, [1, 'b']]) == 'a is 1, 2.50 and ff of [1, \"b\"]'",
        "'%s%%%b'.format([{'b': null, 'a': true}, 5]) == '{\"a\":true, \"b\":null}%101'",
        "'%e'.format([1052.0]) == '1.052000\u00d710⁰³' && '%.1e'.format([-0.001]) == '-1.000000\u00d710⁻⁰³'",
        "'%f'.format([-1234.5]) == '-1,234.500000' && '%.0f'.format([1234.5]) == '1,234'",
        ("'%s'.format([[[1.5, [true]], {'k': [2u]}, duration('1s'), timestamp(0), b'ab', {1: null}]]) == "
        "'[[1.500000, [true]], {\"k\":[2]}, duration(\"1s\"), timestamp(\"1970-01-01T00:00:00Z\"), b\"ab\", {1:null}]'"),
        "string(1234567.0) == '1.234567e+06' && string(123456.0) == '123456' && string(0.00001) == '1e-05'",
        "string(-2.5) == '-2.5' && string(1e100) == '1e+100' && string(0.0) == '0' && '%s'.format([1.0]) == '1'",
        "string(timestamp('2026-01-02T03:04:05-01:30') + duration('1h')) == '2026-01-02T04:04:05-01:30'",
        "timestamp('2026-01-02T03:04:05+01:00') == timestamp('2026-01-02T02:04:05Z') && {'a': 1, 'a': 2}['a'] == 2",
        "format.named('dns1035Label').value().validate('1a').hasValue() && !format.named('odd').hasValue()",
        "!format.uuid().validate('123e4567-e89b-12d3-a456-426614174000').hasValue() && format.date().validate('x').hasValue()",
        "!format.dns1123LabelPrefix().validate('a-').hasValue() && format.dns1123Label().validate('a-').hasValue()",
        "strings.quote('a\"b') == '\"a\\\\\"b\"' && 'a,b,c'.split(',', 2) == ['a', 'b,c'] && 'aaa'.replace('a', 'b', 2) == 'bba'",
        # two variables
        "self.tags.all(i, v, i < 2 && v != '') && self.tags.exists(i, v, i == 1 && v == 'b')",
        "self.labels.existsOne(k, v, v == 'w') && self.tags.transformList(i, v, i > 0, v + v) == ['bb']",
        "self.labels.transformMap(k, v, k + v) == {'k': 'kv', 'l': 'lw'}",
        "self.labels.transformMapEntry(k, v, {v: k}) == {'v': 'k', 'w': 'l'}",
        "self.labels.transformMap(k, v, k == 'l', v) == {'l': 'w'}",
        # optional values
        "self.?a.orValue('y') == 'x' && self.?b.orValue('y') == 'y' && !self.?b.c.hasValue()",
        "self.tags[?5].orValue('z') == 'z' && self.labels[?'k'] == optional.of('v')",
        "self.?a.optMap(a, a + '!').value() == 'x!' && self.?b.optMap(b, b).or(self.?a).value() == 'x'",
        "self.?a.optFlatMap(a, self.labels[?a]) == optional.none() && optional.ofNonZeroValue('') == optional.none()",
        "[?self.?a, ?self.?b] == ['x'] && {?'a': self.?a, ?'b': self.?b} == {'a': 'x'}",
        # types, bytes and numbers without a sign
        "type(1) == int && type('a') == string && type(1u) == uint && type([]) == list && type(type(1)) == type",
        "b'ab' == bytes('ab') && string(b'\\x61') == 'a' && b'a' + b'b' == b'ab' && size(b'\u00fc') == 2",
        "1u + 2u == 3u && uint(3) == 3u && 1u < 2 && bool('true') && 2.5 > 2",
    ],
)  # fmt: skip
def test_what_holds(text: str) -> None:
    assert value(text) is True


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("url('a b')", 'URL parse error during conversion from string: parse "a b": invalid URI for request'),
        ("ip('fe80::1%eth0')", 'IP address "fe80::1%eth0" with zone value is not allowed'),
        ("ip('::ffff:1.2.3.4')", 'IPv4-mapped IPv6 address "::ffff:1.2.3.4" is not allowed'),
        ("quantity('1500m').asInteger()", "cannot convert value to integer"),
        ("self.?b.value()", "optional.none() dereference"),
        ("timestamp('2026-01-02T03:04:05Z').getHours('nowhere')", "unknown time zone nowhere"),
        ("'%d'.format(['a'])",
         "error during formatting: decimal clause can only be used on integers, was given string"),
        ("'%s %s'.format(['a'])", "index 1 out of range"),
        ("9223372036854775807 + 1", "integer overflow"),
        ("1u - 2u", "unsigned integer overflow"),
        ("self.tags.transformMapEntry(i, v, {'a': v})", "insert failed: key a already exists"),
        ("'%f'.format([1])",
         "error during formatting: fixed-point clause can only be used on doubles, was given int"),
        ("'a'.isLoopback()", "no such overload: isLoopback"),
    ],
)  # fmt: skip
def test_what_has_no_value(text: str, why: str) -> None:
    with pytest.raises(CelError) as failed:
        value(text)
    assert str(failed.value) == why
