/**
 * Whether a URL that a tenant chose is one the service fetches: https, so that nobody on the way can answer in its
 * place, or also http where private addresses are allowed. What it leads to is the guarded agent's to judge.
 *
 * @returns what is wrong with it: `invalid_url` for no absolute URL, another scheme, credentials or a fragment
 */
export function fetchableUrl(text: string, allowHttp: boolean): 'fetchable' | 'invalid_url' | 'insecure_url' {
  if (!URL.canParse(text)) return 'invalid_url'
  const { protocol, username, password, hash } = new URL(text)
  if (username !== '' || password !== '' || hash !== '') return 'invalid_url'
  if (protocol === 'https:') return 'fetchable'
  if (protocol !== 'http:') return 'invalid_url'
  return allowHttp ? 'fetchable' : 'insecure_url'
}
