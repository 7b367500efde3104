/** `strings.render_template`: Go's text templates over JSON values. */
import { type Builtin, builtin, objectOperand, stringOperand, T } from '../builtins-api.js'
import { regoText } from '../text.js'
import { unmarshalJson } from './json.js'
import { chargeValue, textMeter } from './operands.js'
import { parseTemplate } from './template/parse.js'
import { render } from './template/render.js'

export const template: readonly Builtin[] = [
  builtin('strings.render_template', [T.string, T.object(T.string, T.any)], T.string, (context, text, variables) => {
    const written = stringOperand(text, 1)
    const object = objectOperand(variables, 2)
    chargeValue(context, object)
    // OPA reads the object's own notation as JSON, so sets and keys that are no strings are errors.
    const values = unmarshalJson(regoText(object))
    const meter = textMeter(context)
    const rendered = render(parseTemplate(written), values, (added) => {
      context.charge(1)
      meter(added)
    })
    return rendered.replaceAll('<no value>', '<undefined>')
  }),
]
