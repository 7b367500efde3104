import { registry } from '../builtins-api.js'
import { aggregates } from './aggregates.js'
import { arrays } from './arrays.js'
import { bits } from './bits.js'
import { crypto } from './crypto.js'
import { encoding } from './encoding.js'
import { glob } from './glob.js'
import { graph } from './graph.js'
import { json } from './json.js'
import { jsonPaths } from './json-paths.js'
import { jsonSchema } from './json-schema.js'
import { jwt } from './jwt.js'
import { net } from './net.js'
import { numbers } from './numbers.js'
import { objects } from './objects.js'
import { privateKeyBuiltins } from './private-keys.js'
import { regex } from './regex.js'
import { semver } from './semver.js'
import { sets } from './sets.js'
import { formatting } from './sprintf.js'
import { strings } from './strings.js'
import { subset } from './subset.js'
import { template } from './template.js'
import { time } from './time.js'
import { types } from './types.js'
import { units } from './units.js'
import { unsupportedBuiltins } from './unsupported.js'
import { uri } from './uri.js'
import { uuid } from './uuid.js'
import { yaml } from './yaml.js'

/** Every built-in that is a function of its operands, by name. */
export const builtins = registry(
  aggregates,
  arrays,
  bits,
  crypto,
  encoding,
  formatting,
  glob,
  graph,
  json,
  jsonPaths,
  jsonSchema,
  jwt,
  net,
  numbers,
  objects,
  privateKeyBuiltins,
  regex,
  semver,
  sets,
  strings,
  subset,
  template,
  time,
  types,
  units,
  unsupportedBuiltins,
  uri,
  uuid,
  yaml,
)

/** OPA v1 refuses calls of these at compile time: `rego_type_error`, "deprecated built-in function calls in expression: any". */
export const deprecatedBuiltins: ReadonlySet<string> = new Set([
  'all',
  'any',
  'cast_array',
  'cast_boolean',
  'cast_null',
  'cast_object',
  'cast_set',
  'cast_string',
  'net.cidr_overlap',
  're_match',
  'set_diff',
])
