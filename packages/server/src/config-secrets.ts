import { randomBytes } from 'node:crypto'
import { link, mkdir, open, readFile, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'

/** A secret of the data directory, and where it lies. */
export interface SecretFile {
  readonly value: string
  readonly path: string
  /** Whether it was made just now. */
  readonly created: boolean
}

/**
 * Reads a secret from a file that only its owner can read, or makes it: 32 random bytes, base64url. Of several processes
 * that make it together all get the same.
 *
 * @throws Error saying what to do, when others can read the file.
 */
export async function secretFile(path: string, random: (size: number) => Buffer = randomBytes): Promise<SecretFile> {
  const found = await read(path)
  if (found !== undefined) return { value: found, path, created: false }
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const value = random(32).toString('base64url')
  const complete = `${path}.${random(6).toString('hex')}`
  try {
    await write(complete, `${value}\n`)
    // A link fails where a rename would overwrite.
    await link(complete, path)
  } catch (error) {
    const theirs = await read(path)
    if (theirs === undefined) throw error
    return { value: theirs, path, created: false }
  } finally {
    await rm(complete, { force: true })
  }
  await sync(dirname(path))
  return { value, path, created: true }
}

async function read(path: string): Promise<string | undefined> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (text === undefined) return undefined
  const { mode } = await stat(path)
  if ((mode & 0o077) !== 0) throw new Error(`others can read ${path}; fix it with: chmod 600 ${path}`)
  return text.trim()
}

async function write(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', 0o600)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
}

async function sync(directory: string): Promise<void> {
  const handle = await open(directory, 'r')
  await handle.sync().finally(() => handle.close())
}
