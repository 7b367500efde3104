import { type LookupAddress, lookup as lookupAddress } from 'node:dns'
import { isIP, type LookupFunction } from 'node:net'
import type { Agent, Dispatcher, request } from 'undici'
import { isPublicAddress } from './address.js'

/** A connection that was not made, since it would have led to a private address. */
export class PrivateAddressError extends Error {
  override readonly name = 'PrivateAddressError'
  readonly code = 'private_address'

  constructor() {
    super('the host is at a private address, which the configuration does not allow')
  }
}

export interface GuardedAgentOptions {
  readonly allowPrivateAddresses: boolean
  /** Certificates (PEM) to trust instead of the usual authorities. */
  readonly ca?: string
  /** How names are resolved; the system's way by default. */
  readonly lookup?: LookupFunction
}

const CONNECT_TIMEOUT = 3_000
const TIMEOUT = 5_000

type Undici = typeof import('undici')
type Request = Exclude<Parameters<typeof request>[1], undefined>

/**
 * An HTTP agent for URLs that tenants choose. The address is judged where the connection is made, and the connection is
 * made to the very address that was judged, so a name cannot resolve to one thing for the check and to another for the
 * socket. A name of which any address is private is refused as a whole. It follows no redirects.
 *
 * @see https://owasp.org/www-community/attacks/Server_Side_Request_Forgery
 */
export class GuardedAgent {
  #loading: Promise<readonly [Agent, Undici]> | undefined
  #isDestroyed = false

  constructor(private readonly options: GuardedAgentOptions) {}

  /**
   * Sends a request.
   *
   * @throws PrivateAddressError, and whatever undici throws
   */
  async request(url: string, options: Omit<Request, 'dispatcher'>): Promise<Dispatcher.ResponseData<unknown>> {
    if (this.#isDestroyed) throw new Error('the agent is destroyed')
    this.#loading ??= load(this.options)
    const [dispatcher, undici] = await this.#loading
    return undici.request(url, { ...options, dispatcher })
  }

  /** Ends what is under way; nothing is sent from now on. */
  async destroy(): Promise<void> {
    this.#isDestroyed = true
    const [agent] = (await this.#loading) ?? []
    await agent?.destroy()
  }
}

// Once it is needed: it is a fifth of all that a service has to load, and many never call anybody.
async function load({ allowPrivateAddresses, ca, lookup }: GuardedAgentOptions): Promise<readonly [Agent, Undici]> {
  const undici = await import('undici')
  const resolve = lookup ?? (lookupAddress as LookupFunction)
  const connector = undici.buildConnector({
    timeout: CONNECT_TIMEOUT,
    ...(ca !== undefined && { ca }),
    lookup: allowPrivateAddresses ? resolve : publicOnly(resolve),
  })
  const agent = new undici.Agent({
    connections: 4,
    headersTimeout: TIMEOUT,
    bodyTimeout: TIMEOUT,
    connect: (options, callback) => {
      const host = options.hostname.replace(/^\[|\]$/g, '')
      // An address written into the URL is never looked up, so it is judged here.
      if (!allowPrivateAddresses && isIP(host) !== 0 && !isPublicAddress(host)) {
        callback(new PrivateAddressError(), null)
        return
      }
      connector(options, callback)
    },
  })
  return [agent, undici]
}

function publicOnly(resolve: LookupFunction): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, found) => {
      if (error !== null) return callback(error, [])
      const addresses: LookupAddress[] = typeof found === 'string' ? [{ address: found, family: isIP(found) }] : found
      const first = addresses[0]
      if (first === undefined || !addresses.every(({ address }) => isPublicAddress(address))) {
        return callback(new PrivateAddressError(), [])
      }
      if (options.all === true) callback(null, addresses)
      else callback(null, first.address, first.family)
    })
  }
}
