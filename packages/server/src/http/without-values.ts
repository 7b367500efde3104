/**
 * What of a thrown value may stand in the log. The database repeats values in its messages, and a value may be a secret: of
 * its errors the code and the place say enough.
 */
export function withoutValues(error: unknown): object {
  if (!(error instanceof Error)) return { type: typeof error }
  const frames = error.stack?.split('\n').filter((line) => line.startsWith('    at '))
  const message = 'severity' in error ? undefined : error.message
  return { type: error.name, code: 'code' in error ? error.code : undefined, message, stack: frames?.join('\n') }
}
