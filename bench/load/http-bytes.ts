/** An HTTP/1.1 request as bytes, kept alive. */
export function requestBytes(
  method: string,
  path: string,
  headers: Readonly<Record<string, string>>,
  body = '',
): Buffer {
  const lines = Object.entries({ host: 'bench', ...headers }).map(([name, value]) => `${name}: ${value}`)
  return Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n${body}`)
}

/** A POST as bytes. */
export function postBytes(
  path: string,
  contentType: string,
  body: string,
  headers: Readonly<Record<string, string>> = {},
): Buffer {
  const length = String(Buffer.byteLength(body))
  return requestBytes('POST', path, { 'content-type': contentType, 'content-length': length, ...headers }, body)
}

/** A form as bytes of a POST. */
export function formBytes(path: string, fields: Readonly<Record<string, string>>): Buffer {
  return postBytes(path, 'application/x-www-form-urlencoded', new URLSearchParams(fields).toString())
}
