import { CliError, EXIT } from '../cli-error.js'
import { ApiError } from '../http/admin-api.js'
import { member, text } from '../http/request.js'
import type { Target } from '../local/target.js'
import { type Challenge, readChallenge } from './challenge.js'

/** The ids of the zones to look in: the named one (by id or slug), or all that the token sees. */
export async function zonesOf({ api, zone }: Target): Promise<readonly string[]> {
  if (zone !== undefined && /^[0-9a-f-]{36}$/i.test(zone)) return [zone]
  const zones = await api.list('/v1/zones')
  if (zone === undefined) return zones.map((found) => text(found, 'id'))
  const named = zones.find((found) => member(found, 'slug') === zone)
  if (named === undefined) throw new CliError(`There is no zone "${zone}" that this token may see.`)
  return [text(named, 'id')]
}

/** The challenges of some zones, the newest first in each. */
export async function listChallenges(
  target: Target,
  zones: readonly string[],
  state: string | undefined,
): Promise<readonly { readonly raw: unknown; readonly challenge: Challenge }[]> {
  const found = await Promise.all(
    zones.map((zone) =>
      target.api.list(`/v1/zones/${zone}/step-up-challenges`, state === undefined ? {} : { state, limit: '500' }),
    ),
  )
  return found.flat().map((raw) => ({ raw, challenge: readChallenge(raw) }))
}

/** One challenge, in whichever zone it is. @throws CliError */
export async function findChallenge(target: Target, id: string): Promise<Challenge> {
  if (!/^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i.test(id)) {
    throw new CliError(`"${id}" is not the id of a challenge. List them with: npx countersign challenges`, EXIT.usage)
  }
  for (const zone of await zonesOf(target)) {
    try {
      return readChallenge(await target.api.get(`/v1/zones/${zone}/step-up-challenges/${id}`))
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 404)) throw error
    }
  }
  throw new CliError(`There is no challenge ${id} that this token may see. List them with: npx countersign challenges`)
}
