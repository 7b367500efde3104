import type { App } from '../../http/app.js'
import type { MutationDeps } from '../administration/mutate.js'
import { registerNoun } from '../administration/noun.js'
import { type SubjectIssuerOptions, subjectIssuer } from './subject-issuer.js'

/** The identity providers that a zone trusts. */
export function subjectIssuerRoutes(deps: MutationDeps & SubjectIssuerOptions) {
  return async (app: App): Promise<void> => registerNoun(app, deps, subjectIssuer(deps))
}
