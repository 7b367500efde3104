import type { Json } from '@countersign/protocol'

const MOST_CHARACTERS = 16_384

/**
 * What a policy says beside its decision, as the ledger can hold it: JSON that any reader understands, and not much of
 * it. Numbers beyond a double become texts; more than 16 KiB becomes a note that there was more.
 */
export function plainDiagnostics(diagnostics: readonly unknown[]): readonly Json[] {
  if (diagnostics.length === 0) return []
  try {
    const text = JSON.stringify(diagnostics, (_key, value: unknown) =>
      typeof value === 'bigint' ? String(value) : value,
    )
    if (text.length <= MOST_CHARACTERS) return JSON.parse(text) as Json[]
    return [{ message: `the policy's diagnostics are longer than ${MOST_CHARACTERS} characters` }]
  } catch {
    // Nested deeper than can be written down.
    return [{ message: "the policy's diagnostics are nested too deeply" }]
  }
}
