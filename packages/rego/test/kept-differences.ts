/** Policies on which this engine and OPA once differed, cut down, with what OPA says. All in `package gen`. */
export const kept: readonly { why: string; source: string; input: unknown; value: unknown }[] = [
  {
    why: 'a reference in a negated equality is inside the negation, as an operand of another call it is outside',
    source:
      'package gen\na if not input.none == 1\nb if not startswith(input.none, "x")\nc if not input.none\nd if not input.none in [1]\ne if not [input.none] == [1]',
    input: {},
    value: { a: true, c: true },
  },
  {
    why: 'keys that are no strings are ordered by their text once they are JSON, in which HTML is escaped',
    source: 'package gen\na := {{"k": [], [1, "<a>"]: 0}: 1}',
    input: {},
    value: { a: { '{"[1,\\"\\\\u003ca\\\\u003e\\"]":0,"k":[]}': 1 } },
  },
  {
    why: 'elements of every may be compared with anything',
    source: 'package gen\na if {\n\tevery k, e in [1, 2] {\n\t\tk != e\n\t\tnot e == "x"\n\t}\n}',
    input: {},
    value: { a: true },
  },
  {
    why: 'rules of one object may go to different depths',
    source:
      'package gen\np[x].a := 1 if some x in ["u", "v"]\np.u.b := 2\np[x][y] := 3 if {\n\tx := "w"\n\tsome y in [1, 2]\n}',
    input: {},
    value: { p: { u: { a: 1, b: 2 }, v: { a: 1 }, w: { 1: 3, 2: 3 } } },
  },
  {
    why: 'a function that stands in for another may call it',
    source:
      'package gen\nf(x) := count(x) + 1\na := x if x := count([1, 2]) with count as f\nb := x if x := f([1]) with f as 7\nc := x if x := f([1]) with count as 5',
    input: {},
    value: { a: 3, b: 7, c: 6 },
  },
  {
    why: 'base documents, rules and what a with puts there are one document',
    source:
      'package gen\np.q := 1\na := x if x := data.gen.p with data.gen.p.q as 2\nb := x if x := data.other with data.other.x as 3\nc := x if x := input with input.a.b as 4',
    input: { a: { c: 1 } },
    value: { p: { q: 1 }, a: { q: 2 }, b: { x: 3 }, c: { a: { b: 4, c: 1 } } },
  },
  {
    why: 'sums of decimals are exact to the digits they have',
    source:
      'package gen\na := 0.1 + 0.2\nb := 1 / 3\nc := 12345678901234567890 * 10\nd := 7 % 3\ne := -7 % 3\nf := 3 / 2 * 2',
    input: {},
    value: { a: 0.3, b: 1 / 3, c: 123456789012345678900n, d: 1, e: -1, f: 3 },
  },
  {
    why: 'an else of a function is tried for the same operands',
    source:
      'package gen\nf([x, _]) := x if x > 1\nelse := "small" if x < 1\nelse := "one"\na := [f([2, 0]), f([0, 0]), f([1, 0])]',
    input: {},
    value: { a: [2, 'small', 'one'] },
  },
]
