import type { IncomingMessage } from 'node:http'
import proxyAddr from '@fastify/proxy-addr'

/**
 * The address that a request counts as coming from: its connection's, or the first hop that is no trusted proxy.
 *
 * @param trusted addresses of proxies whose `X-Forwarded-For` counts
 */
export function addressOf(trusted: readonly string[] | undefined): (request: IncomingMessage) => string {
  if (trusted === undefined) return (request) => request.socket.remoteAddress ?? ''
  const trust = proxyAddr.compile([...trusted])
  return (request) => proxyAddr(request, trust) ?? ''
}
