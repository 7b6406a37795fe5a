"""Templates with statements: hand-written ones, white-space control in all combinations, and random ones."""
import itertools

CASES = [
    # if
    "{% if i %}a{% endif %}", "{% if e %}a{% elif n %}b{% elif s %}c{% else %}d{% endif %}", "{% if undef %}a{% else %}b{% endif %}", "{% if undef.x %}a{% endif %}", "{% if i > 3 and s %}x{% endif %}",
    "{% if 1, 2 %}t{% endif %}", "{% if i: %}colon{% endif %}", "{% if %}x{% endif %}", "{% if i %}", "{% if i %}{% else %}", "{% endif %}", "{% if i %}{% endfor %}", "{% if i %}{% else %}{% elif s %}{% endif %}", "{% else %}",
    "{% if i %}{% set x = 1 %}{% endif %}{{ x }}", "{% if e %}{% set x = 1 %}{% endif %}{{ x }}|{{ x is defined }}", "{% if i if s else e %}y{% endif %}",
    # for
    "{% for x in l %}{{ x }},{% endfor %}", "{% for x in el %}a{% else %}empty{% endfor %}", "{% for x in undef %}a{% else %}none{% endfor %}", "{% for x in n %}a{% endfor %}", "{% for x in i %}a{% endfor %}", "{% for c in emoji %}[{{ c }}]{% endfor %}",
    "{% for k in d %}{{ k }}{% endfor %}", "{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}", "{% for k, v in d|dictsort %}{{ k }}={{ v }};{% endfor %}", "{% for k, v in d|items %}{{ k }}={{ v }};{% endfor %}", "{% for k, v in d %}{{ k }}{% endfor %}", "{% for a, b in nest %}x{% endfor %}",
    "{% for (a, b), c in [((1, 2), 3)] %}{{ a }}{{ b }}{{ c }}{% endfor %}", "{% for a, (b, c) in [(1, 'xy')] %}{{ a }}{{ b }}{{ c }}{% endfor %}", "{% for a, in [[1], [2]] %}{{ a }}{% endfor %}", "{% for a in 1, 2, 3 %}{{ a }}{% endfor %}",
    "{% for x in l %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.depth }}{{ loop.depth0 }};{% endfor %}",
    "{% for x in l %}{{ loop.previtem }}<{{ x }}>{{ loop.nextitem }};{% endfor %}", "{% for x in l %}{{ loop.previtem is defined }}{{ loop.nextitem is defined }}{% endfor %}", "{% for x in ls %}{{ loop.cycle('a', 'b') }}{% endfor %}", "{% for x in ls %}{{ loop.cycle() }}{% endfor %}",
    "{% for x in [1,1,2,2,1] %}{{ loop.changed(x) }} {% endfor %}", "{% for x in l %}{{ loop }}{% endfor %}", "{% for x in l %}{{ loop.nope }}{% endfor %}", "{% for x in l %}{{ loop.nope.x }}{% endfor %}", "{% for x in l %}{{ loop['index'] }}{% endfor %}", "{% for x in l %}{{ loop is iterable }}{{ loop|length }}{% endfor %}",
    "{% for x in l if x > 1 %}{{ x }}{{ loop.index }}/{{ loop.length }}{{ loop.last }};{% endfor %}", "{% for x in l if x > 5 %}{{ x }}{% else %}none{% endfor %}", "{% for x in l if loop.index > 1 %}{{ x }}{% endfor %}", "{% for x in users if x.tags %}{{ x.name }}{% endfor %}",
    "{% for x in l|map('string') %}{{ x }}{{ loop.last }}{{ loop.length }};{% endfor %}", "{% for x in l|reverse %}{{ x }}{{ loop.revindex }}{% endfor %}", "{% for x in l %}{% for y in ls %}{{ x }}{{ y }}{{ loop.index }}{% endfor %}{{ loop.index }};{% endfor %}",
    "{% for x in l %}{% set outer = loop %}{% for y in l %}{{ outer.index }}{{ loop.index }} {% endfor %}{% endfor %}", "{% for loop in l %}{% endfor %}", "{% for x in l %}{% set loop = 1 %}{% endfor %}", "{{ loop }}", "{{ loop.index }}", "{% set loop = 5 %}{{ loop }}", "{% for x in l %}{% endfor %}{{ x }}", "{% set x = 'o' %}{% for x in l %}{{ x }}{% endfor %}{{ x }}",
    "{% for x in l %}{% if x == 1 %}{% break %}{% endif %}{{ x }}{% endfor %}", "{% for x in l %}{% if x == 1 %}{% continue %}{% endif %}{{ x }}{% endfor %}", "{% for x in l %}{% break %}{% else %}else{% endfor %}", "{% for x in l %}{% continue %}{% else %}else{% endfor %}", "{% for x in l %}{% if loop.last %}{% break %}{% endif %}{% else %}else{% endfor %}",
    "{% break %}", "{% if i %}{% continue %}{% endif %}", "{% for x in l %}{% for y in l %}{% break %}{% endfor %}{{ x }}{% endfor %}", "{% for x in l %}{% macro m() %}{% break %}{% endmacro %}{% endfor %}", "{% for x in l %}{% else %}{% break %}{% endfor %}", "{% for x in l %}{% for y in el %}{% else %}{% break %}{% endfor %}{{ x }}{% endfor %}",
    "{% for x in l %}{% set y %}a{% if x == 1 %}{% break %}{% endif %}b{% endset %}{{ y }}{% endfor %}", "{% for x in l %}{% filter upper %}a{% if x == 1 %}{% continue %}{% endif %}b{% endfilter %}{% endfor %}", "{% for x in l %}{% with y = x %}{% if y == 1 %}{% continue %}{% endif %}{{ y }}{% endwith %}{% endfor %}", "{% for x in l %}{% generation %}{% break %}{% endgeneration %}{% endfor %}",
    "{% for x in nest recursive %}[{% if x is iterable %}{{ loop(x) }}{% else %}{{ x }}@{{ loop.depth }}{% endif %}]{% endfor %}", "{% for x in nest recursive %}{{ loop.index }}{{ loop(x) if x is iterable else x }}{% else %}E{% endfor %}", "{% for x in l %}{{ loop(l) }}{% endfor %}", "{% for x in nest recursive %}{{ loop() }}{% endfor %}",
    "{% for x in [[1,[2,[3]]]] recursive %}{{ loop.depth0 }}{% set z = loop.depth %}{% if x is iterable %}{{ loop(x) }}{% endif %}{{ z }}{% endfor %}", "{% for x in l recursive %}{% if x == 1 %}{% break %}{% endif %}{{ x }}{% endfor %}", "{% for x in el recursive %}{% else %}{{ s }}{% endfor %}",
    "{% for x in l %}{{ x }}", "{% for x l %}{% endfor %}", "{% for in l %}{% endfor %}", "{% for x in %}{% endfor %}", "{% for 5 in l %}{% endfor %}", "{% for x.y in l %}{% endfor %}", "{% for [a] in l %}{% endfor %}", "{% for x in l if %}{% endfor %}", "{% for x in l %}{% else %}{% else %}{% endfor %}", "{% for true in l %}{% endfor %}",
    "{% for x in l if x if x > 1 %}{{ x }}{% endfor %}", "{% for x in (l if i else ls) %}{{ x }}{% endfor %}", "{% for x in l if i else ls %}{{ x }}{% endfor %}", "{% for x in l + [9] %}{{ x }}{% endfor %}", "{% for x in x %}{{ x }}{% endfor %}", "{% set x = l %}{% for x in x %}{{ x }}{% endfor %}",
    # set
    "{% set x = 1 %}{{ x }}", "{% set x, y = 1, 2 %}{{ x }}{{ y }}", "{% set x, y = l %}{{ x }}", "{% set x, y = [1] %}", "{% set x, y = 5 %}", "{% set x, y = 'ab' %}{{ y }}{{ x }}", "{% set (x, y), z = (1, 2), 3 %}{{ x }}{{ y }}{{ z }}", "{% set x = 1, 2 %}{{ x }}", "{% set x = 1, %}{{ x }}", "{% set x %}a{{ i }}b{% endset %}{{ x }}|{{ x|length }}",
    "{% set x | upper %}abc{% endset %}{{ x }}", "{% set x | upper | replace('B', '-') %}abc{% endset %}{{ x }}", "{% set x | nofilter %}abc{% endset %}", "{% set x %}{% set y = 1 %}{{ y }}{% endset %}{{ x }}{{ y }}", "{% set %}", "{% set x %}", "{% set 5 = 1 %}", "{% set x.y = 1 %}", "{% set d.b = 5 %}{{ d }}", "{% set true = 1 %}", "{% set x = %}", "{% set x y %}",
    "{% set x = 1 %}{% for q in l %}{% set x = x + 1 %}{{ x }}{% endfor %}{{ x }}", "{% set ns = namespace(x=1) %}{% for q in l %}{% set ns.x = ns.x + 1 %}{{ ns.x }}{% endfor %}{{ ns.x }}", "{% set ns = namespace() %}{% set ns.a %}blk{% endset %}{{ ns.a }}", "{% set ns = namespace() %}{% set ns.a, ns.b = 1, 2 %}{{ ns.a }}{{ ns.b }}{{ ns }}", "{% set ns.a = 1 %}",
    "{% set ns = namespace(l=[]) %}{% for x in l %}{% set ns.l = ns.l + [x * 2] %}{% endfor %}{{ ns.l }}", "{% set ns = namespace(found=false) %}{% for x in l %}{% if x == 1 %}{% set ns.found = true %}{% endif %}{% endfor %}{{ ns.found }}", "{% set ns = namespace(_x=1) %}{{ ns._x }}|{{ ns['_x'] }}", "{% set ns = namespace(a=1) %}{{ ns.b }}{{ ns.b.c }}", "{% set i = i + 1 %}{{ i }}",
    "{% set x = undef %}{{ x is defined }}", "{% set x = undef %}{{ x.y }}", "{{ x }}{% set x = 1 %}{{ x }}", "{% for q in l %}{{ x }}{% set x = q %}{% endfor %}", "{% for q in l %}{% if q == 1 %}{% set x = q %}{% endif %}{{ x }}.{% endfor %}",
    # macros
    "{% macro m(a, b=2) %}{{ a }}{{ b }}{% endmacro %}{{ m(1) }}{{ m(1, 3) }}{{ m(b=4, a=5) }}", "{% macro m(a) %}{{ a }}{% endmacro %}{{ m() }}|{{ m(1, 2) }}", "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(x=1) }}", "{% macro m(a) %}{{ a.x }}{% endmacro %}{{ m() }}", "{% macro m() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, x=3) }}{{ m() }}",
    "{% macro m(a) %}{{ varargs }}{% endmacro %}{{ m(1, 2, 3) }}", "{% macro m(a, b=a) %}{{ b }}{% endmacro %}{{ m(1) }}", "{% macro m(a=b, b=1) %}{{ a }}{{ b }}{% endmacro %}{{ m() }}", "{% set b = 9 %}{% macro m(a=b, b=1) %}{{ a }}|{{ b }}{% endmacro %}{{ m() }}", "{% macro m(a=i) %}{{ a }}{% endmacro %}{{ m() }}", "{% macro m(a, a) %}{% endmacro %}", "{% macro m(a=1, b) %}{% endmacro %}",
    "{{ m() }}{% macro m() %}x{% endmacro %}", "{% macro m(n) %}{{ n }}{% if n > 0 %}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(3) }}", "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}B{% endmacro %}{{ a() }}", "{% set x = 1 %}{% macro m() %}{{ x }}{% endmacro %}{% set x = 2 %}{{ m() }}", "{% macro m() %}{{ x }}{% endmacro %}{% set x = 2 %}{{ m() }}",
    "{% macro m() %}{% set x = 5 %}{{ x }}{% endmacro %}{{ m() }}{{ x }}", "{% for x in l %}{% macro m() %}{{ x }}{% endmacro %}{{ m() }}{% endfor %}{{ m is defined }}", "{% macro m() %}{{ loop.index }}{% endmacro %}{% for x in l %}{{ m() }}{% endfor %}", "{% for x in l %}{% macro m() %}{{ loop.index }}{% endmacro %}{{ m() }}{% endfor %}", "{% if i %}{% macro m() %}x{% endmacro %}{% endif %}{{ m() }}", "{% if e %}{% macro m() %}x{% endmacro %}{% endif %}{{ m() }}",
    "{% macro m(a, b=1) %}{{ varargs }}{% endmacro %}{{ m.name }}{{ m.arguments }}{{ m.catch_kwargs }}{{ m.catch_varargs }}{{ m.caller }}{{ m }}", "{% macro m() %}a{% endmacro %}{{ m()|upper }}{{ m() ~ 'b' }}{{ m() + 'c' }}{{ m()|length }}", "{% macro m() %}\n  x\n{% endmacro %}[{{ m() }}]", "{% macro m(x) %}{{ x|safe }}{% endmacro %}{{ m(html) is escaped }}",
    "{% macro m() %}({{ caller() }}){% endmacro %}{% call m() %}body{% endcall %}", "{% macro m() %}({{ caller(1, 2) }}){% endmacro %}{% call(a, b) m() %}{{ a }}{{ b }}{% endcall %}", "{% macro m() %}({{ caller(1) }}){% endmacro %}{% call(a, b=9) m() %}{{ a }}{{ b }}{% endcall %}", "{% macro m() %}x{% endmacro %}{% call m() %}b{% endcall %}", "{% macro m() %}{{ caller() }}{% endmacro %}{{ m() }}",
    "{% macro m() %}{{ caller is defined }}{% endmacro %}{{ m() }}{% call m() %}{% endcall %}", "{% macro m(caller) %}{{ caller }}{% endmacro %}", "{% macro m(caller=5) %}{{ caller }}{% endmacro %}{{ m() }}{{ m(6) }}", "{% call i %}x{% endcall %}", "{% call i() %}x{% endcall %}", "{% call undef() %}x{% endcall %}", "{% macro m(a) %}{{ a }}{{ caller() }}{% endmacro %}{% call m(a=1) %}{{ i }}{% endcall %}", "{% macro m() %}{{ caller() }}{{ caller() }}{% endmacro %}{% set x = 1 %}{% call m() %}{{ x }}{% set x = 2 %}{{ x }}{% endcall %}{{ x }}",
    "{% macro outer() %}{% macro inner() %}I{{ caller() }}{% endmacro %}{% call inner() %}{{ caller() }}{% endcall %}{% endmacro %}{% call outer() %}deep{% endcall %}", "{% macro m(x) %}{% if x %}{% set y = 1 %}{% endif %}{{ y }}{% endmacro %}{{ m(true) }}{{ m(false) }}", "{% macro m %}{% endmacro %}", "{% macro m( %}{% endmacro %}", "{% macro 5() %}{% endmacro %}", "{% macro m() %}", "{% macro none() %}{% endmacro %}",
    "{% macro m(**kw) %}{% endmacro %}", "{% macro m(x) %}{{ x }}{% endmacro %}{{ m(*[1]) }}{{ m(**{'x': 2}) }}{{ m(*[1, 2]) }}", "{% macro m(x, y) %}{{ x }}{{ y }}{% endmacro %}{% for u in users %}{{ m(u.name, y=loop.index) }}{% endfor %}", "{% macro m(kwargs) %}{{ kwargs }}{% endmacro %}{{ m(1) }}", "{% macro m(x) %}{{ m }}{% endmacro %}{{ m(1) }}", "{% macro m() %}{% for x in l %}{{ x }}{% endfor %}{% endmacro %}{{ l|map('string')|map('upper')|join(m()) }}",
    # with, filter, call, generation, raw, comments, print
    "{% with %}{% set x = 1 %}{{ x }}{% endwith %}{{ x }}", "{% with a=1, b=2 %}{{ a }}{{ b }}{% endwith %}{{ a }}", "{% with a=1, b=a %}{{ b }}{% endwith %}", "{% set a = 5 %}{% with a=1, b=a %}{{ a }}{{ b }}{% endwith %}{{ a }}", "{% with a, b = 1, 2 %}{{ a }}{% endwith %}", "{% with (a, b) = (1, 2) %}{{ a }}{{ b }}{% endwith %}", "{% with a %}{% endwith %}", "{% with a=1 b=2 %}{% endwith %}", "{% with a.b=1 %}{% endwith %}",
    "{% filter upper %}abc{{ s }}{% endfilter %}", "{% filter upper|replace('A', '-') %}abc{% endfilter %}", "{% filter replace('b', 'x')|upper %}abc{% endfilter %}", "{% filter nofilter %}x{% endfilter %}", "{% if e %}{% filter nofilter %}x{% endfilter %}{% endif %}", "{% filter upper %}{% set x = 1 %}{% endfilter %}{{ x }}", "{% filter %}x{% endfilter %}", "{% filter trim %}\n  a  \n{% endfilter %}", "{% filter indent(2) %}a\nb\n{% endfilter %}",
    "{% generation %}abc{{ i }}{% endgeneration %}", "{% generation %}{% set x = 1 %}{{ x }}{% endgeneration %}{{ x }}", "{% for x in l %}{% generation %}{{ x }}{{ loop.index }}{% endgeneration %}{% endfor %}", "{% generation %}", "{%- generation -%} a {%- endgeneration -%} b", "{% generation x %}{% endgeneration %}",
    "{% raw %}{{ x }}{% if %}{% endraw %}", "{%- raw -%}  {{ x }}  {%- endraw -%}  a", "{% raw %}\n  {{ x }}\n{% endraw %}\nb", "{% raw %}", "{% raw %}{% raw %}{% endraw %}", "a\n  {% raw %}  x\n  {% endraw %}\n  y", "{%raw%}a{%endraw%}", "{% raw x %}{% endraw %}", "{% raw %}a{%+ endraw +%}\nb", "{%+ raw %}a{% endraw %}",
    "a{# c #}b", "a{# c", "a\n{# c #}\nb", "a \n  {#- c -#}  \n b", "a {#+ c +#}\nb", "{# {{ x }} {% if %} #}x", "{#}x#}y", "{##}x", "{#-#}x", "{#--#} x", "a{# #} #}b", "{# a\n b #}\n\nc", "{% print i %}", "{% print i, s %}", "{% print %}x", "{% print i s %}",
    "{% do x %}", "{% debug %}", "{% unknown %}", "{% %}", "{% 5 %}", "{% if i %}{% unknown %}{% endif %}", "{% endset %}", "{{ }}", "{{", "{{ i", "{% if i", "{%", "{", "{ {x} }", "a }} b", "a %} b", "#} a", "{{ '}}' }}", "{{ '%}' }}", "{% if '%}' %}x{% endif %}", "{{ {'a': {'b': 1}}['a']['b'] }}", "{{ {'a': {'b': 1}} }}", "{{{'a': 1}}}", "{{ {} }}", "{{-i}}", "{{+i}}", "{{ -i }}", "{{- -i }}", "{{ i -}} x", "{{i-}} x", "{{ i +}}",
    "\n", "\n\n", "a\n", "a\n\n", "a\r\nb\r\n", "a\rb", "{{ 'a\r\nb' }}", "\ufeffx", "é{{ u }}日本", "", " ", "{{ i }}\n", "{{ i }}\n\n", "{% set x = 1 %}\n", "{% set x = 1 %}\n\nz", "{# c #}\n\nz", "tab\t{{ i }}\t",
    "{{ x\n+\ny }}", "{%\nif i\n%}a{%\nendif\n%}", "{% if i -%}\n\n a {%- endif %}", "{%- if i %} a {% endif -%}  b", "  {%+ if i %}a{% endif %}", "  {% if i %}a\n  {% endif %}\nb", "x  {% if i %}a{% endif %}", "  {{ i }}  \n  {% if i %}\n    y\n  {% endif %}\n  z", "{% if i +%}\na{% endif %}", "{% if i %}\n\na{% endif %}\n\nb",
    "{% for x in l %}\n  - {{ x }}\n{% endfor %}\nend", "{%- for x in l -%}\n  - {{ x }}\n{%- endfor -%}\nend", "{%- for x in l %}\n  - {{ x }}\n{%- endfor %}\nend", "\t {% if i %}\n\ta\n\t{% endif %}", "\v\f {% if i %}a{% endif %}", "a\u00a0\n\u00a0{% if i %}b{% endif %}", "a\u2028{%- if i %}b{% endif %}",
    # undefined filters and tests: when they are noticed
    "{% if e %}{{ x|nofilter }}{% endif %}ok", "{% if i %}{{ x|nofilter }}{% endif %}ok", "{{ x|nofilter if e else 'ok' }}", "{{ 'ok' if i else x|nofilter }}", "{% if e %}{% for x in l %}{{ x|nofilter }}{% endfor %}{% endif %}", "{% if e %}{{ x is notest }}{% endif %}ok", "{% macro m() %}{{ x|nofilter }}{% endmacro %}", "{% if e %}{% set x = y|nofilter %}{% endif %}ok", "{% if x is notest %}{% endif %}", "{{ e and x|nofilter }}", "{% if i %}{% elif x|nofilter %}{% endif %}ok", "{% if e %}{% set y %}{{ x|nofilter }}{% endset %}{% endif %}", "{% if e %}{% if s %}{{ x|nofilter }}{% endif %}{% endif %}ok",
    # scoping
    "{% set a = 1 %}{% for x in l %}{% set a = x %}{% for y in l %}{% set a = a + y %}{{ a }} {% endfor %}{{ a }};{% endfor %}{{ a }}", "{% for x in l %}{% if x == 1 %}{% set f1 = x %}{% endif %}{{ f1 }}{% endfor %}", "{% set a = 1 %}{% with %}{% set a = 2 %}{{ a }}{% endwith %}{{ a }}", "{% set a = 1 %}{% set b %}{% set a = 2 %}{{ a }}{% endset %}{{ a }}{{ b }}", "{% set a = 1 %}{% macro m() %}{{ a }}{% set a = 2 %}{{ a }}{% endmacro %}{{ m() }}{{ a }}",
    "{% for x in l %}{% set ns = namespace(v=x) %}{% endfor %}{{ ns }}", "{% set fs = namespace(f=none) %}{% for x in l %}{% macro m() %}{{ x }}{% endmacro %}{% if x == 3 %}{% set fs.f = m %}{% endif %}{{ fs.f() }}{% endfor %}", "{% macro m(d) %}{% for k in d %}{{ k }}{% if d[k] is mapping %}({{ m(d[k]) }}){% endif %}{% endfor %}{% endmacro %}{{ m(deep) }}",
    "{% set range = 5 %}{{ range }}", "{% for range in l %}{{ range }}{% endfor %}{{ range(2)|list }}", "{% set namespace = 1 %}{{ namespace() }}", "{{ range(3)|list }}{% set x = range %}{{ x(2)|list }}", "{% macro m(range) %}{{ range }}{% endmacro %}{{ m(1) }}", "{% set x = s.upper %}{{ x() }}", "{% set x = [1, 2] %}{% set y = x %}{{ y + [3] }}{{ x }}", "{% set c = cycler('a', 'b') %}{% for x in l %}{{ c.next() }}{{ c.current }}{% endfor %}{{ c.reset() }}{{ c.next() }}", "{% set j = joiner(', ') %}{% for x in l %}{{ j() }}{{ x }}{% endfor %}",
    "{% set m = l|map('string') %}{{ m|join(',') }}|{{ m|join(',') }}", "{% set m = l|select('odd') %}{% for x in m %}{{ x }}{% break %}{% endfor %}{{ m|list }}", "{{ raise_exception('no ' ~ s) }}", "{% if i %}{{ raise_exception('x') }}{% endif %}", "{{ strftime_now('%Y') is string }}", "{{ caller }}", "{{ varargs }}", "{{ kwargs }}", "{{ _ }}", "{{ __x }}", "{{ ünïcode }}", "{% set é = 1 %}{{ é }}", "{{ 日本 }}",
]


def whitespace():
    out = []
    pads = ["", " ", "\n", " \n ", "\n\n"]
    for a, b, left, right in itertools.product(pads, pads, ["", "-", "+"], ["", "-", "+"]):
        out.append(f"x{a}{{%{left} set q = 1 {right}%}}{b}y")
    for a, b, left, right in itertools.product(pads, pads, ["", "-", "+"], ["", "-"]):
        out.append(f"x{a}{{{{{left} i {right}}}}}{b}y")
        out.append(f"x{a}{{#{left} i {right}#}}{b}y")
    for a, b in itertools.product(pads, pads):
        out.append(f"{a}{{% if i %}}{b}t{a}{{% else %}}{b}f{a}{{% endif %}}{b}")
        out.append(f"{a}{{%- if i %}}{b}t{a}{{%- endif %}}{b}")
        out.append(f"{a}{{% for x in l %}}{b}{{{{ x }}}}{a}{{% endfor %}}{b}z")
        out.append(f"{a}{{% raw %}}{b}t{a}{{% endraw %}}{b}z")
    return out


def randoms(rng, count):
    """Random templates: mostly valid, over the same variables."""
    atoms = ["i", "neg", "f", "t", "n", "s", "e", "w", "l", "ls", "el", "d", "users", "undef", "u", "x", "y", "0", "1", "2", "3", "'a'", "'b c'", "''", "none", "true", "false", "[1, 2]", "['a']", "{'k': 1}", "(1, 'z')", "range(3)", "ns", "nest"]
    post = [".upper()", ".lower()", ".strip()", ".split()", ".name", ".b", "[0]", "[-1]", "[1:]", "[::-1]", ".items()", ".keys()", ".get('a')", ".get('zz', 1)", "['b']", ".title()", ".startswith('H')", ".replace('o', 'x')", ".x", ".k", ".join(ls)", ".count('l')", ".find('o')"]
    filt = ["upper", "lower", "length", "list", "join(',')", "first", "last", "string", "int", "float", "sort", "reverse|list", "tojson", "trim", "default('D')", "default('D', true)", "map('string')|list", "select('defined')|list", "map(attribute='name')|list", "unique|list", "replace('a', 'b')", "title", "capitalize", "indent(2)", "abs", "round", "sum", "max", "min", "items|list", "dictsort", "e", "safe", "wordcount", "batch(2)|list", "tojson(indent=2)", "selectattr('age', 'gt', 26)|list", "rejectattr('tags')|list", "format(1)", "center(9)", "truncate(5, true, '..', 0)", "urlencode", "groupby('age')|list"]
    tests = ["defined", "none", "string", "mapping", "number", "sequence", "iterable", "odd", "even", "true", "false", "boolean", "integer", "undefined", "in [1, 2, 'a']", "eq 1", "divisibleby 2", "lower", "callable", "sameas none"]
    ops = ["+", "-", "*", "/", "//", "%", "~", "==", "!=", "<", ">", "<=", ">=", "in", "not in", "and", "or"]

    def expr(depth):
        r = rng.random()
        if depth <= 0 or r < 0.25:
            return rng.choice(atoms)
        if r < 0.42:
            # not on constants: jinja2 folds those, and then a slice of a wrong type is undefined instead of an error
            return rng.choice([a for a in atoms if a[0].isalpha() and a not in ("none", "true", "false")]) + rng.choice(post) + rng.choice(["", "", rng.choice(post)])
        if r < 0.60:
            return f"({expr(depth - 1)}|{rng.choice(filt)})"
        if r < 0.78:
            return f"{expr(depth - 1)} {rng.choice(ops)} {expr(depth - 1)}"
        if r < 0.84:
            return f"({expr(depth - 1)})"
        if r < 0.90:
            return f"{expr(depth - 1)} is {rng.choice(['', 'not '])}{rng.choice(tests)}"
        if r < 0.94:
            return f"{expr(depth - 1)} if {expr(depth - 1)} else {expr(depth - 1)}"
        if r < 0.97:
            return f"[{expr(depth - 1)}, {expr(depth - 1)}]"
        return f"not {expr(depth - 1)}"

    def tag(body):
        return "{%" + rng.choice(["", "", "", "-", "+"]) + " " + body + " " + rng.choice(["", "", "", "-", "+"]) + "%}"

    def text():
        return rng.choice(["", " ", "\n", "a", " b ", "\n  ", "c\n", ", ", "  \n\n", "<é>"])

    def block(depth, loop):
        out = []
        for _ in range(rng.randint(1, 3)):
            out.append(text())
            r = rng.random()
            if depth <= 0 or r < 0.45:
                out.append("{{" + rng.choice(["", "", "-"]) + " " + expr(2) + " " + rng.choice(["", "", "-"]) + "}}")
            elif r < 0.58:
                out.append(tag("if " + expr(2)) + block(depth - 1, loop))
                if rng.random() < 0.3:
                    out.append(tag("elif " + expr(2)) + block(depth - 1, loop))
                if rng.random() < 0.5:
                    out.append(tag("else") + block(depth - 1, loop))
                out.append(tag("endif"))
            elif r < 0.76:
                it = rng.choice(["l", "ls", "users", "el", "d", "nest", "range(3)", "s", "undef", expr(1)])
                head = f"for x in {it}" + (f" if {expr(1)}" if rng.random() < 0.2 else "")
                out.append(tag(head) + block(depth - 1, True))
                if rng.random() < 0.3:
                    out.append("{{ loop." + rng.choice(["index", "last", "first", "length", "revindex", "previtem", "nextitem"]) + " }}")
                if rng.random() < 0.25:
                    out.append(tag("else") + block(depth - 1, loop))
                out.append(tag("endfor"))
            elif r < 0.88:
                out.append(tag(f"set {rng.choice(['x', 'y', 'i', 'ns.v'])} = {expr(2)}"))
            elif r < 0.91:
                out.append(tag("set y" + rng.choice(["", " | upper"])) + block(depth - 1, loop) + tag("endset"))
            elif r < 0.94:
                out.append(tag("macro m(x, y=1)") + block(depth - 1, False) + tag("endmacro") + "{{ m(" + expr(1) + ") }}")
            elif r < 0.96:
                out.append(tag("with x = " + expr(1)) + block(depth - 1, loop) + tag("endwith"))
            elif r < 0.98 and loop:
                out.append(tag(rng.choice(["break", "continue"])))
            else:
                out.append("{#" + rng.choice(["", "-"]) + " c " + rng.choice(["", "-"]) + "#}")
        out.append(text())
        return "".join(out)

    for _ in range(count):
        if rng.random() < 0.4:
            yield "{{ " + expr(4) + " }}"
        else:
            yield rng.choice(["", "{% set ns = namespace(v=1, x='q') %}"]) + block(3, False)
