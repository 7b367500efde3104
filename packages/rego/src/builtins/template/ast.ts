/** The parts of a template. */

export type Node =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'output'; readonly pipeline: Pipeline }
  | {
      readonly kind: 'if' | 'with' | 'range'
      readonly pipeline: Pipeline
      readonly body: List
      readonly otherwise: List
    }
  | { readonly kind: 'template'; readonly name: string; readonly pipeline: Pipeline | undefined }
  | { readonly kind: 'break' | 'continue' }

export type List = readonly Node[]

/** `$x := a | b c`: commands, each given the result of the one before as last argument. */
export interface Pipeline {
  readonly variables: readonly string[]
  readonly assigns: boolean
  readonly commands: readonly (readonly Term[])[]
}

export type Term =
  | { readonly kind: 'dot' | 'nil' }
  | { readonly kind: 'field'; readonly of: Term | undefined; readonly names: readonly string[] }
  | { readonly kind: 'variable'; readonly name: string; readonly names: readonly string[] }
  | { readonly kind: 'function'; readonly name: string }
  | { readonly kind: 'constant'; readonly value: boolean | string | number }
  | { readonly kind: 'pipeline'; readonly pipeline: Pipeline }

export interface Template {
  readonly root: List
  readonly named: ReadonlyMap<string, List>
}
