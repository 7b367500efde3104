import { setImmediate } from 'node:timers'
import TestRenderer from 'react-test-renderer'
import type { Root } from './never-stale.js'

/** A root of react-test-renderer, as React Native's tests use it. It renders concurrently, by React's own scheduler. */
export function testRoot(): Root & { readonly toJSON: () => unknown } {
  let root: TestRenderer.ReactTestRenderer | undefined
  return {
    render: (node) => {
      if (root) root.update(node as React.ReactElement)
      else root = TestRenderer.create(node as React.ReactElement)
    },
    unmount: () => root?.unmount(),
    toJSON: () => root?.toJSON(),
  }
}

/** Lets promises and React's scheduler do what is due. It works while timers are fake, since React's are not. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 4; i++) await new Promise<void>((resolve) => setImmediate(resolve))
}
