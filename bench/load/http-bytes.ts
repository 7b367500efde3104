/** An HTTP/1.1 POST as bytes, kept alive. */
export function postBytes(
  path: string,
  contentType: string,
  body: string,
  headers: Record<string, string> = {},
): Buffer {
  const lines = Object.entries({
    host: 'bench',
    'content-type': contentType,
    'content-length': String(Buffer.byteLength(body)),
    ...headers,
  }).map(([name, value]) => `${name}: ${value}`)
  return Buffer.from(`POST ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n${body}`)
}

/** A form as bytes of a POST. */
export function formBytes(path: string, fields: Record<string, string>, headers: Record<string, string> = {}): Buffer {
  return postBytes(path, 'application/x-www-form-urlencoded', new URLSearchParams(fields).toString(), headers)
}
