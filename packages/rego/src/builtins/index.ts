import { registry } from '../builtins-api.js'

/** Every built-in that is a function of its operands, by name. */
export const builtins = registry()
