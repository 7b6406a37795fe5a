"""Writes ../cases/*.jsonl: small templates with what jinja2 3.1.6 makes of them. The first line of a file holds
the variables, every other line [template, output] or [template, null, "Kind: message"].
Usage: python3 cases.py [-n COUNT -s SEED -o FILE]   (with -n: COUNT random ones into FILE)"""
import argparse
import copy
import json
import os
import random

from env import render
import statements

VARS = {
    "i": 7, "neg": -3, "big": 12345678901234567890123, "f": 2.5, "g": -0.125, "huge": 1e300, "t": True, "no": False, "n": None,
    "s": "Hello World", "u": "Grüße, Ωmega Σας ǅ ﬁn İ", "e": "", "w": "  a b\t c \n", "ml": "one\ntwo\r\nthree\n\nfive",
    "html": "<b>\"x\" & 'y'</b>", "num": " 42 ", "q": "it's", "emoji": "a😀b👩‍👧c",
    "l": [3, 1, 2], "ls": ["b", "A", "c", "a"], "el": [], "nest": [[1, 2], [3, [4]], []], "mixed": [1, "x", None, 2.5, True, [1], {"k": 1}],
    "d": {"b": 1, "a": "two", "C": None}, "ed": {}, "items": {"items": 5, "get": 6},
    "users": [{"name": "Zoe", "age": 30, "tags": ["x"]}, {"name": "adam", "age": 25}, {"name": "Bob", "age": 30, "tags": []}],
    "deep": {"a": {"b": [{"c": "found"}]}},
}
NAMES = list(VARS) + ["undef"]

METHODS = {
    "capitalize": [""], "casefold": [""], "lower": [""], "upper": [""], "title": [""], "swapcase": [""],
    "strip": ["", "'H '", "none", "1"], "lstrip": ["", "'<b '"], "rstrip": ["", "'>b/< '"],
    "center": ["20", "21, '*'", "3", "20, 'ab'", "'x'"], "ljust": ["15", "15, 'é'"], "rjust": ["15, '.'"], "zfill": ["15", "2"],
    "expandtabs": ["", "4", "0"],
    "split": ["", "' '", "'o'", "none, 1", "' ', 1", "'', 1", "maxsplit=1", "sep='l', maxsplit=2", "5"],
    "rsplit": ["", "none, 1", "' ', 1", "'o', 1"], "splitlines": ["", "true", "keepends=true"],
    "partition": ["' '", "'zz'", "''"], "rpartition": ["'o'", "'zz'"],
    "join": ["ls", "'xyz'", "l", "d", "undef", "n", "[]"],
    "replace": ["'o', '0'", "'l', 'LL', 1", "'', '-'", "'', '-', 3", "'zz', 'y'", "'o', 5", "s, e"],
    "removeprefix": ["'He'", "''", "'zz'"], "removesuffix": ["'ld'", "''"],
    "startswith": ["'He'", "('x', 'H')", "'l', 2", "'', 99", "5", "()"], "endswith": ["'ld'", "('x', 'd')", "'o', 0, 5"],
    "count": ["'o'", "''", "'l', 4", "'l', 0, -3"], "find": ["'o'", "'o', 5", "'zz'", "'', 3", "'', 99", "'o', -4", "5"],
    "index": ["'W'", "'zz'"], "rfind": ["'o'", "'o', 0, 5"], "rindex": ["'o'", "'zz'"],
    "isalnum": [""], "isalpha": [""], "isascii": [""], "isdecimal": [""], "isdigit": [""], "isnumeric": [""], "isspace": [""],
    "isprintable": [""], "islower": [""], "isupper": [""], "istitle": [""], "isidentifier": [""],
}
STRINGS = ["s", "u", "e", "w", "ml", "html", "num", "q", "emoji", "'Σ'", "'ΑΣ'", "'ab-cd (ef'", "'١٢٣'", "'²'", "'½'", "'ŉx'", "'ǆ'", "'A'", "'a1_'"]

FILTERS = {
    "abs": [""], "attr": ["'upper'", "'name'", "'x'"], "batch": ["2", "2, 'x'"], "capitalize": [""], "center": ["20"], "count": [""],
    "d": ["'x'", "'x', true"], "default": ["", "5, boolean=true"], "dictsort": ["", "true", "false, 'value'", "reverse=true", "by='nope'"],
    "e": [""], "escape": [""], "filesizeformat": ["", "true"], "first": [""], "float": ["", "1.5"], "forceescape": [""],
    "format": ["1", "'a', 'b'", "x=1", ""], "groupby": ["'age'", "'name'", "0", "'tags', default='none'"],
    "indent": ["", "2", "2, true", "2, true, true", "'> '", "width=3, blank=true"], "int": ["", "5", "5, 16", "default=-1", "base=8"],
    "items": [""], "join": ["", "', '", "', ', 'name'", "attribute='age'", "1"], "last": [""], "length": [""], "list": [""], "lower": [""],
    "map": ["'upper'", "attribute='name'", "attribute='zip', default='-'", "'nofilter'", "", "'string'", "'default', 'x'", "attribute='tags.0'"],
    "max": ["", "attribute='age'", "case_sensitive=true"], "min": ["", "attribute='name'"],
    "reject": ["", "'string'", "'none'", "'gt', 1"], "rejectattr": ["'tags'", "'age', 'eq', 30"], "replace": ["'o', '0'", "'o', 1, 1", "1, 2"],
    "reverse": [""], "round": ["", "1", "2, 'ceil'", "1, 'floor'", "-1", "0, 'x'"], "safe": [""],
    "select": ["", "'string'", "'defined'", "'odd'", "'in', [1, 3]", "'notest'"], "selectattr": ["'tags'", "'tags', 'defined'", "'name', 'equalto', 'Bob'", "'age', '>', 26", ""],
    "slice": ["2", "2, 'x'", "0"], "sort": ["", "true", "attribute='age'", "attribute='age,name'", "case_sensitive=true", "false, true"],
    "string": [""], "striptags": [""], "sum": ["", "attribute='age'", "start=10"], "title": [""],
    "tojson": ["", "indent=2", "indent=0", "sort_keys=true", "true", "separators=(',', ':')", "indent='\\t'", "indent=none", "separators=(', ',)"],
    "trim": ["", "'Hd'"], "truncate": ["8", "8, true", "5, true, '!'", "3, true, '', 0", "2"], "unique": ["", "true", "attribute='age'"],
    "upper": [""], "urlencode": [""], "wordcount": [""], "xmlattr": ["", "false"], "nofilter": [""],
}
LAZY = {"batch", "items", "map", "reject", "rejectattr", "reverse", "select", "selectattr", "slice", "unique"}

TESTS = {name: [""] for name in (
    "boolean callable defined escaped even false float integer iterable lower mapping none number odd sequence string true "
    "undefined upper nosuch").split()}
TESTS.update({"divisibleby": [" 3", "(0)", "('x')"], "eq": [" 7", "('Hello World')"], "in": [" [7, none]", "('Hello World')", "(d)"],
              "gt": ["(2)"], "lessthan": ["('x')"], "sameas": [" none", " true", "(l)"], "filter": [""], "test": [""], "ne": [" i"], ">=": []})

BINARY = ["+", "-", "*", "/", "//", "%", "**", "~", "==", "!=", "<", "<=", ">", ">=", "in", "not in", "and", "or"]
COMPLEX = [("neg", "f"), ("neg", "g"), ("g", "f"), ("g", "g")]
OPERANDS = ["i", "neg", "0", "2", "big", "f", "g", "0.0", "t", "n", "s", "e", "'%s'", "l", "el", "(1, 2)", "d", "undef", "range(3)", "s|safe", "html|e"]

SLICES = ["[1:]", "[:2]", "[::-1]", "[-3:-1]", "[::2]", "[5:1:-2]", "[99:]", "[:none]", "[1:2:0]", "['a':]", "[-1]", "[0]", "[99]", "['x']",
          "[true]", "[none]", "[1.0]", ".x", ".0", ".upper", ".append", "[2:][0]", "[:-1:3]", "[::-2]", ".__class__", "['__class__']", "._x", "[(1, 2)]", "[[1]]"]

SPECS = ["", "5", "<8", ">8", "^9", "*^9", "=8", "08", "+", " ", "+08d", "d", "x", "X", "#x", "#010b", "o", "c", ",", "_", "_x", ",d", "012,", "+,.2f",
         ".2f", ".0f", "f", "e", ".3e", "E", "g", ".3g", "G", "#.3g", "%", ".1%", ".3", "10.3", "s", ".2s", "é>6", "n", "-5", "z", "5.", "0<5", "0^7", "=+8", ">08", "\u00e9<08.2f"]
SPEC_VALUES = ["i", "neg", "0", "big", "f", "g", "huge", "1234567.891", "0.00001", "1e16", "100000.0", "t", "n", "s", "q", "65", "undef", "l", "float('x')"]

PERCENT = ["%s", "%r", "%a", "%d", "%i", "%5d", "%-5d|", "%05d", "%+d", "% d", "%x", "%X", "%#x", "%#o", "%o", "%e", "%.2E", "%f", "%.1f", "%g", "%#g", "%G", "%c", "%%", "%5.2f",
           "%-8s|", "%8s", "%.2s", "%*d", "%(b)s", "%(zz)s", "%", "%q", "%.3d", "%08.2f", "%+.3e", "%ld", "%s %s", "%(b)d %(a)s", "100%", "%5%"]
PERCENT_VALUES = ["i", "neg", "f", "t", "n", "s", "u", "(1, 2)", "(5, 7)", "()", "l", "d", "undef", "big", "'é'", "65", "html|safe", "'12'"]

FORMATS = ["'{}'.format(s)", "'{} {}'.format(1, 2)", "'{1} {0}'.format(1, 2)", "'{0} {}'.format(1, 2)", "'{} {0}'.format(1, 2)", "'{x}'.format(x=s)", "'{x}'.format()",
           "'{}'.format()", "'{{}}'.format()", "'{{{}}}'.format(5)", "'}'.format()", "'{'.format()", "'{0.a}'.format(d)", "'{0[a]}'.format(d)", "'{0[0]}'.format(l)",
           "'{0[x]}'.format(d)", "'{0.__class__}'.format(d)", "'{!r}'.format(s)", "'{!s:>15}'.format(s)", "'{!a}'.format(u)", "'{!z}'.format(u)", "'{:{}}'.format(s, 20)",
           "'{:{w}.{p}f}'.format(f, w=10, p=3)", "'{:{:{}}}'.format(1,2,3)", "'{0:>{1}}'.format(s, 20)", "('<i>{}</i>'|safe).format(html)", "('{}'|safe).format(html|safe)",
           "'{a[b][0]}'.format(a={'b': [1]})", "'{a[b].c}'.format(a={'b': {'c': 3}})", "'{x!r:>8}'.format(x='y')", "'{:%Y}'.format(5)", "'{}'.format(n)", "'{:5}'.format(n)",
           "'{}'.format(undef)", "'{:>3}'.format(undef)", "'{b}'.format_map(d)", "'{zz}'.format_map(d)", "'{0}{1}'.format(*l)", "'{b}{a}'.format(**d)", "'a{'.format()", "'{a'.format(a=1)",
           "'{0!}'.format(1)", "'{0!r'.format(1)", "'{0[}'.format(l)", "'{0[0}'.format(l)", "'{0[]}'.format(l)", "'{0.}'.format(l)", "'{0[0]x}'.format(l)", "'{-1}'.format(1)"]

STRFTIME = ["%d %b %Y", "%Y-%m-%d", "%A, %B %e", "%H:%M:%S", "%I:%M %p", "%j %U %W %V %u %w", "%y %C %G %g", "%c", "%x %X", "%D %F %T %R %r", "%n%t%%", "%z|%Z",
            "%-d/%-m/%_H", "%^a %#b %^B", "%5d", "%010Y", "%f", "%h %k %l %P", "%Q", "%", "%E", "%Ey %Od", "é %d"]

LITERALS = ["1", "0", "1_000", "0x1F", "0b101", "0o17", "1.5", "1e3", "1_0.5e-2", "2E+5", "00", "012", "1.", ".5", "1e", "0x", "1__0", "'a' 'b'", "\"a\\n\\x41\\u00e9\\101\\q\"",
            "'\\''", "'\\\\'", "'\\xZZ'", "'\\u12'", "'a\\\nb'", "'é\\é'", "true", "True", "none", "None", "TRUE", "()", "(1,)", "(1)", "1, 2", "1,", "[1,]", "[,]", "{}", "{1: 2,}",
            "{'a': 1, 'a': 2}", "{1: 'i', 1.0: 'f', true: 't'}", "{[]: 1}", "{(1,2): 3}", "{none: 1}", "[1, [2, {'x': (3,)}]]", "1.0", "1e16", "123456789012345.0", "1e15", "1e-4", "1e-5",
            "1e22", "1.5e300*1e10", "0.1+0.2", "5e-324", "1e400", "-0.0", "2**0.5", "2**-1", "2**100", "(-2)**3", "-2**2", "0**0", "0**-1", "10//3", "-10//3", "10%-3", "-10.5//3", "-10.5%3", "7.0//2",
            "1/3", "2/2", "big/3", "big//7", "big%7", "big*big", "-big", "+t", "-t", "t+t", "not e", "not not s", "- -3", "1 if e else 2", "1 if e", "(1 if e) + 1", "1 if t else 2 if n else 3",
            "1 < 2 < 3", "1 < 3 < 2", "1 == 1.0 == true", "'a' < 'b'", "[1,2] < [1,3]", "(1,) < (1,0)", "[1] == (1,)", "{'a':1} == {'a':1.0}", "range(3) == range(0,3,1)", "undef == undef2", "undef == none",
            "n == undef", "2 in range(5)", "2.0 in range(5)", "range(0, 10, 3)|list", "range(5, 0, -2)|list", "range(3)", "range(0,3,2)", "range(100001)", "range(1,2,0)", "range('x')", "range(5)[1:3]", "range(5)[-1]",
            "a.b.c", "undef.x", "undef['x']", "undef()", "undef + 1", "-undef", "undef|length", "undef ~ 'x'", "undef|upper", "undef|int", "undef|float", "undef|tojson", "undef|join", "undef|list", "undef|first", "undef|sort",
            "d.b", "d['b']", "d.items()", "d.keys()", "d.values()", "d.items()|list", "d.keys()|list", "d.get('a')", "d.get('zz')", "d.get('zz', 5)", "d.get(['x'])", "d.get(key='a')", "d.pop('a')", "d.update({})", "d.copy()", "d.zz",
            "d.zz.y", "d.zz is defined", "items.items", "items['items']", "items.get", "items['get']", "d.keys()[0]", "d.items()[0]", "'b' in d.keys()", "1 in d.values()", "('b', 1) in d.items()", "d.keys()|length",
            "l.count(1)", "l.index(2)", "l.index(9)", "l.append(1)", "l.copy()", "l.pop()", "(1,2,1).count(1)", "(1,2).index(2)", "(5).real", "(5).bit_length()", "(2.0).is_integer()", "f.imag", "t.real", "'x'.y", "n.y", "n['y']", "n.y.z", "i.x", "i['x']",
            "s.upper", "s.encode", "s.upper()|lower|title", "s.nope()", "s()", "5()", "n()", "dict(a=1, b=2)", "dict([('a', 1)])", "dict({'x': 1}, y=2)", "dict(5)", "dict([1])", "dict(a=1)['a']", "namespace(a=1).a", "namespace(a=1)",
            "namespace({'x': 2}).x", "namespace(a=1).b", "namespace(a=1)['a']", "cycler('a', 'b').next()", "cycler()", "joiner()()", "joiner('-')", "raise_exception('boom')", "raise_exception()", "raise_exception(5)", "strftime_now()", "strftime_now(5)",
            "s|replace('o','0')|upper|list|join('-')", "l|sort|join(',')", "l|map('string')|join('+')", "users|map(attribute='name')|list", "users|selectattr('age','eq',30)|map(attribute='name')|join(',')", "users|groupby('age')|map(attribute='grouper')|list",
            "users|groupby('age')", "(users|groupby('age'))[0].list", "users|sum(attribute='age')", "users[0].name[0]", "users[-1]['name']", "users|length > 2 and users[0].age == 30", "users|map(attribute='tags')|list", "users|map(attribute='tags')|select('defined')|list|length",
            "(s|safe) + html", "html + (s|safe)", "(s|safe) ~ html", "(s|safe)|upper is escaped", "(html|e)", "(html|e|e)", "(html|e|forceescape)", "(html|e)|string is escaped", "('%s'|safe) % html", "('%r'|safe) % html", "('a'|safe).join([html])", "(s|safe).split(' ')", "(s|safe)|replace('o','<')",
            "(s|safe).replace('o','<')", "(s|safe)|list", "[s|safe]", "(s|safe)[1:3]", "(s|safe)*2", "s is string", "s|safe is string", "nest|tojson", "mixed|tojson", "deep|tojson(indent=2)", "u|tojson", "u|tojson(ensure_ascii=true)", "emoji|tojson(true)", "html|tojson", "ml|tojson",
            "'\\x00\\x1f\\x7f\\u2028'|tojson", "{1: 2, 1.5: 3, none: 4, true: 5}|tojson", "{(1,2): 3}|tojson", "{'b': 1, 'a': 2}|tojson(sort_keys=true)", "{'b': 1, 1: 2}|tojson(sort_keys=true)", "range(3)|tojson", "d.keys()|tojson", "(1, 2)|tojson", "1e16|tojson", "(1e300*1e300)|tojson", "-(1e300*1e300)|tojson",
            "[]|tojson(indent=2)", "{}|tojson(indent=2)", "[[], {}]|tojson(indent=1)", "big|tojson", "[1,2]|tojson(separators=('', ''))", "s|tojson|safe", "mixed", "nest", "d", "users", "u", "[u]", "[q]", "[html]", "[w, ml, e]", "['\\x00\\x7f\\xa0\\u200b\\U0001F600\\u0301\\ue000']", "[\"'\\\"\"]", "[1.0, 1e16, -0.0]", "(s,)",
            "s if s is defined else 'x'", "undef is defined", "undef is not defined", "undef is undefined and true", "i is divisibleby 7", "i is divisibleby(2)", "i is not divisibleby 2", "i is in [7]", "i is in([1])", "i is odd is even", "i is eq 7 or false", "'upper' is filter", "'zz' is filter", "'odd' is test", "s is filter",
            "i is sameas 7", "n is sameas none", "l is sameas l", "[] is sameas []", "undef is sequence", "undef is iterable", "undef is callable", "undef is mapping", "d is sequence", "d.items() is sequence", "d.items() is iterable", "l|map('string') is iterable", "l|map('string') is sequence", "range(3) is sequence", "range is callable", "s.upper is callable",
            "l|map('string')|length", "l|map('string')|last", "l|map('string')|first", "l|map('string')|list|last", "(l|map('string'))[0]", "el|map('string')|list", "n|map('string')|list", "5|map('string')|list", "n|list", "5|list", "5|length", "n|length", "5|join", "d|join", "d|list", "d|first", "d|last", "d|length", "d|reverse|list", "s|reverse", "s|list",
            "s|first", "s|last", "e|first", "el|first", "el|last", "el|max", "el|min", "el|sum", "el|sort", "mixed|sort", "ls|sort", "ls|sort(case_sensitive=true)", "ls|unique|list", "ls|max", "ls|min", "mixed|unique|list", "[1, 1.0, true]|unique|list", "[none, undef]|unique|list", "nest|sum(start=[])", "ls|sum", "ls|sum(start='')",
            "*l", "f(*l)", "dict(**d)", "dict(**{'x': 1})", "range(*[1, 4])|list", "range(*5)", "dict(**5)", "dict(a=1, a=2)", "dict(a=1, **{'a': 2})", "dict(1, 2, 3)", "s.upper(1)", "s.split(zz=1)", "s|upper(1)", "s|replace", "s|replace('a')", "s|indent(foo=1)", "s|default(1, 2, 3)",
            "a if", "1 +", "(1", "[1", "{1", "1)", "}}", "a b", "a..b", "a.", "a[", "a[]", "a[1", "a[1:2:3:4]", "a[1,2]", "a[1:2, 3]", "a|", "a|5", "a is", "a is 5", "a is not", "f(a b)", "f(a=)", "f(a=1, 2)", "f(**a, *b)", "f(**a, b=1)", "not", "~", "1 ~", "@", "a $ b", "'abc", "\"abc", "a ? b", "a = 1", "a := 1", "!a", "a!", "a ; b", "a : b", "if", "for", "in", "a.if", "a['if']",
            "a.1.2", "l.1", "l.0.real", "l.-1", "d.'b'", "1.real", "1 .real", "'a'.upper()", "[1][0]", "{'a': 1}.a", "(1, 2)[0]", "()|length", "5|string|length", "(5|string).zfill(3)", "-5|abs", "-5|string", "(-5)|abs", "2**3|string", "-f|round", "1 + 2 * 3 - 4 / 2", "2 * 3 ~ 4 + 5", "1 ~ 2 * 3", "'a' ~ 'b' * 2", "not a in b", "not 1 in [1]", "1 not in [1]", "1 in [1] in [[1]]",
            "2 ** 3 ** 2", "1 - - 1", "1 - + 1", "+5", "+s", "-s", "-n", "-l", "~i", "i and s", "e or s", "n or undef or 'x'", "i or 1/0", "e and 1/0", "1/0", "1//0", "1%0", "1.0/0", "1.0//0", "1.0%0", "'a' + 1", "1 + 'a'", "'a' * 'b'", "l + s", "s + l", "l * 2", "2 * l", "l * -1", "s * 0", "s * 2.0", "(1,) + (2,)", "d + d", "n + 1", "l - l", "'a' - 'b'", "l < 5", "n < 1", "d < d", "s < 1", "1 < s",
            "5 in s", "'x' in 5", "'x' in n", "n in l", "undef in l", "'' in s", "s in ls", "[] in nest", "undef in [undef]", "l in [l]", "1 in undef", "[1] in d", "'a' in undef", "'b' in d", "namespace() in [1]", "1 in namespace()",
            "'%d' % 3.99", "'%d' % '3'", "'%s' % (1,)", "'%s' % [1,2]", "'%s, %s' % ('a', 'b')", "'%s' % d", "'%(a)s' % d", "'abc' % d", "'abc' % l", "'abc' % 5", "'abc' % undef", "'%s' % undef", "'%s %s' % 'a'", "'%%' % ()", "'%s'|format(1)", "'%s %s'|format(1, 2)", "'%(x)s'|format(x=1)", "'%s'|format", "'%s'|format(1, x=2)", "5|format(1)",
            "42.55|round", "42.55|round(1)", "42.45|round(1)", "2.5|round", "3.5|round", "-2.5|round", "2.675|round(2)", "1e300|round(5)", "15|round(-1)", "25|round(-1)", "35|round(-1)", "12345.678|round(-2)", "250.0|round(-2)", "250.0001|round(-2)", "i|round(2)", "i|round(1,'ceil')", "f|round(0,'floor')", "s|round", "n|round", "t|round", "(1e300*1e300)|round", "1.5|round('x')",
            "'1_000'|int", "'0x1f'|int", "'0x1f'|int(0, 16)", "'1f'|int(base=16)", "'0b11'|int(0, 0)", "'z'|int(base=36)", "'9'|int(base=8)", "'5'|int(base=1)", "'010'|int(base=0)", "'3.7'|int", "'1e3'|int", "' -5 '|int", "'--5'|int", "'+5'|int", "'5_'|int", "''|int", "'inf'|int", "'nan'|int", "3.99|int", "-3.99|int", "1e20|int", "none|int", "none|int(7)", "l|int", "t|int",
            "'1.5'|float", "'1e5'|float", "'inf'|float", "'-Infinity'|float", "'nan'|float", "'1_0.5'|float", "'x'|float", "'x'|float(2)", "n|float", "5|float", "big|float", "'0x10'|float", "'١٢'|int", "'١.٥'|float", "'1e400'|float", "(10**400)|float", "10**400 / 3", "10**5000", "(10**4400)|string|length"]


def expressions():
    yield "methods", [f"{{{{ {v}.{m}({a}) }}}}" for m, al in METHODS.items() for a in al for v in STRINGS]
    vals = ["i", "neg", "f", "t", "n", "s", "e", "w", "ml", "html", "num", "u", "l", "ls", "el", "mixed", "nest", "d", "ed", "users", "undef", "range(4)", "(1, 2)", "s|safe"]
    yield "filters", [f"{{{{ ({v})|{f}{'(' + a + ')' if a else ''}{'|list' if f in LAZY else ''} }}}}" for f, al in FILTERS.items() for a in al for v in vals]
    yield "tests", [f"{{{{ {v} is {t}{a} }}}}" for t, al in TESTS.items() for a in al for v in vals + ["'upper'", "'odd'", "d.keys()", "l|map('string')", "range", "big", "html|e"]]
    yield "operators", [f"{{{{ {a} {o} {b} }}}}" for o in BINARY for a in OPERANDS for b in OPERANDS if o != "**" or b != "big" and (a, b) not in COMPLEX]  # with big Python would compute forever
    yield "subscripts", [f"{{{{ ({v}){x} }}}}" for v in ["s", "u", "emoji", "e", "l", "el", "d.items()|list|first", "range(7)", "d", "n", "i", "f", "undef", "users", "namespace(x=1)", "s|safe"] for x in SLICES]
    yield "formats", [f"{{{{ '{{:{sp}}}'.format({v}) }}}}" for sp in SPECS for v in SPEC_VALUES] + [f"{{{{ {x} }}}}" for x in FORMATS] + \
        [f"{{{{ '{p}' % {v} }}}}" for p in PERCENT for v in PERCENT_VALUES] + [f"{{{{ strftime_now('{x}') }}}}" for x in STRFTIME]
    yield "expressions", [f"{{{{ {x} }}}}" for x in LITERALS]


def line(template, variables):
    # a copy: the filter indent extends a list in place
    out, err = render(template, copy.deepcopy(variables))
    if out is not None:
        if " at 0x" in out or "<bound method" in out or "<function" in out:
            return None
        row = [template, out]
    else:
        if " at 0x" in err:
            return None
        row = [template, None, err]
    return json.dumps(row, ensure_ascii=False)


def write(path, variables, templates):
    seen = set()
    with open(path, "w", encoding="utf-8", newline="\n") as f:
        f.write(json.dumps(variables, ensure_ascii=False) + "\n")
        for t in templates:
            if t in seen:
                continue
            seen.add(t)
            row = line(t, variables)
            if row is not None and len(row) < 20000:
                f.write(row + "\n")
    print(path, len(seen))


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("-n", type=int)
    ap.add_argument("-s", type=int, default=1)
    ap.add_argument("-o")
    args = ap.parse_args()
    if args.n:
        rng = random.Random(args.s)
        write(args.o, VARS, statements.randoms(rng, args.n))
        return
    here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cases")
    os.makedirs(here, exist_ok=True)
    for name, templates in expressions():
        # the tables are products; a fixed sample of the large ones keeps the files small
        templates = list(dict.fromkeys(templates))
        if len(templates) > 900 and not os.environ.get("FULL"):
            templates = random.Random(name).sample(templates, 900)
        write(os.path.join(here, name + ".jsonl"), VARS, templates)
    write(os.path.join(here, "statements.jsonl"), VARS, statements.CASES)
    write(os.path.join(here, "whitespace.jsonl"), VARS, statements.whitespace())
    write(os.path.join(here, "random.jsonl"), VARS, statements.randoms(random.Random(2026), 1200))


if __name__ == "__main__":
    main()
