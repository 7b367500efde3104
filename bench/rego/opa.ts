import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'

/** OPA's own binary, if the machine has one. */
export function findOpa(): string | undefined {
  const candidates = [process.env.OPA ?? '', join(homedir(), 'go', 'bin', 'opa'), '/usr/local/bin/opa', '/usr/bin/opa']
  return candidates.find((path) => path !== '' && existsSync(path))
}

/** OPA's mean time for one evaluation in nanoseconds, by its own profiler of repeated runs. */
export function opaNanoseconds(opa: string, source: string, query: string, input: unknown, data?: unknown): number {
  return inFolder((folder) => {
    writeFileSync(join(folder, 'policy.rego'), source)
    writeFileSync(join(folder, 'input.json'), JSON.stringify(input))
    writeFileSync(join(folder, 'data.json'), JSON.stringify(data ?? {}))
    const args = [
      'bench',
      '-d',
      join(folder, 'policy.rego'),
      '-d',
      join(folder, 'data.json'),
      '-i',
      join(folder, 'input.json'),
    ]
    const text = execFileSync(opa, [...args, '--count', '3', '--format', 'gobench', query], { encoding: 'utf8' })
    const found = [...text.matchAll(/([\d.]+) ns\/op/g)].map(([, value]) => Number(value))
    return Math.min(...found)
  })
}

interface LoadedWasm {
  setData(data: unknown): void
  evaluate(input: unknown): unknown
}

/** The policy in OPA's WebAssembly SDK; undefined when the SDK or the binary is not there. */
export async function loadWasm(opa: string, source: string, entrypoint: string): Promise<LoadedWasm | undefined> {
  // Not a dependency: it is only ever compared with.
  const name = '@open-policy-agent/opa-wasm'
  const sdk = (await import(process.env.OPA_WASM ?? name).catch(() => undefined)) as
    | { default: { loadPolicy(wasm: Buffer): Promise<LoadedWasm> } }
    | undefined
  if (!sdk) return undefined
  const wasm = inFolder((folder) => {
    writeFileSync(join(folder, 'policy.rego'), source)
    execFileSync(opa, [
      'build',
      '-t',
      'wasm',
      '-e',
      entrypoint,
      '-o',
      join(folder, 'bundle.tar.gz'),
      join(folder, 'policy.rego'),
    ])
    execFileSync('tar', ['-xzf', join(folder, 'bundle.tar.gz'), '-C', folder, '/policy.wasm'])
    return readFileSync(join(folder, 'policy.wasm'))
  })
  return sdk.default.loadPolicy(wasm)
}

function inFolder<R>(work: (folder: string) => R): R {
  const folder = mkdtempSync(join(tmpdir(), 'bench-rego-'))
  try {
    return work(folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}
