/** The types that Rego's static checks know, as OPA's checker has them. */
export type Type =
  | { readonly kind: 'any' | 'null' | 'boolean' | 'number' | 'string' }
  /** `items` are the types at fixed positions, `rest` of all further elements (absent: there are none). */
  | { readonly kind: 'array'; readonly items: readonly Type[]; readonly rest?: Type }
  | { readonly kind: 'set'; readonly of: Type }
  /** `fields` are known keys, `rest` the types of other keys and values (absent: there are none). */
  | {
      readonly kind: 'object'
      readonly fields: readonly { readonly key: unknown; readonly value: Type }[]
      readonly rest?: { readonly key: Type; readonly value: Type }
    }
  | { readonly kind: 'union'; readonly of: readonly Type[] }
  | { readonly kind: 'function'; readonly args: readonly Type[]; readonly variadic?: Type; readonly result: Type }

/**
 * Types by name: `T.string`, `T.array(T.any)`, `T.union(T.array(T.any), T.set(T.any))`.
 *
 * @example
 * const args = [T.union(T.set(T.string), T.array(T.string)), T.string]
 */
export const T = {
  any: { kind: 'any' },
  null: { kind: 'null' },
  boolean: { kind: 'boolean' },
  number: { kind: 'number' },
  string: { kind: 'string' },
  /** Any number of elements of one type. */
  array: (of: Type): Type => ({ kind: 'array', items: [], rest: of }),
  /** Exactly these elements. */
  tuple: (...items: readonly Type[]): Type => ({ kind: 'array', items }),
  set: (of: Type): Type => ({ kind: 'set', of }),
  /** Any keys of one type. */
  object: (key: Type, value: Type): Type => ({ kind: 'object', fields: [], rest: { key, value } }),
  /** These keys, and others only when `rest` is given. */
  fields: (fields: Readonly<Record<string, Type>>, rest?: { readonly key: Type; readonly value: Type }): Type => ({
    kind: 'object',
    fields: Object.entries(fields).map(([key, value]) => ({ key, value })),
    ...(rest && { rest }),
  }),
  union: (...of: readonly Type[]): Type => ({ kind: 'union', of }),
} as const satisfies Record<string, Type | ((...args: never[]) => Type)>
