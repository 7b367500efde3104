import type { App } from '../../http/app.js'
import type { MutationDeps } from '../administration/mutate.js'
import { registerNoun } from '../administration/noun.js'
import { grant } from './grant.js'

/** Standing upper bounds on what the applications of a zone may ask for. */
export function grantRoutes(deps: MutationDeps) {
  return async (app: App): Promise<void> => registerNoun(app, deps, grant)
}
