export { definedRules } from './defined-rules.js'
export { type Diagnostic, type Location, RegoError, type RegoErrorCode } from './errors.js'
export {
  type Bindings,
  type CompileOptions,
  compile,
  type EvaluateOptions,
  type ModuleSource,
  type Policy,
} from './policy.js'
export { Decimal, type Json } from './value.js'
