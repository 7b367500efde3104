import type { App } from '../../http/app.js'
import type { MutationDeps } from '../administration/mutate.js'
import { registerNoun } from '../administration/noun.js'
import { resource } from './resource.js'

/** What the mandates of a zone are for. */
export function resourceRoutes(deps: MutationDeps & { readonly baseUrl: string }) {
  return async (app: App): Promise<void> => registerNoun(app, deps, resource(deps))
}
