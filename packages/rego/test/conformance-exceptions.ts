/** Cases that this engine does not pass, by name, with the reason. */
export const exceptions: Readonly<Record<string, string>> = {}
