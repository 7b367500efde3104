import { registry } from '../builtins-api.js'
import { aggregates } from './aggregates.js'
import { arrays } from './arrays.js'
import { bits } from './bits.js'
import { crypto } from './crypto.js'
import { encoding } from './encoding.js'
import { glob } from './glob.js'
import { graph } from './graph.js'
import { json } from './json.js'
import { net } from './net.js'
import { numbers } from './numbers.js'
import { objects } from './objects.js'
import { regex } from './regex.js'
import { semver } from './semver.js'
import { sets } from './sets.js'
import { formatting } from './sprintf.js'
import { strings } from './strings.js'
import { subset } from './subset.js'
import { time } from './time.js'
import { types } from './types.js'
import { units } from './units.js'
import { uuid } from './uuid.js'

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
  net,
  numbers,
  objects,
  regex,
  semver,
  sets,
  strings,
  subset,
  time,
  types,
  units,
  uuid,
)
