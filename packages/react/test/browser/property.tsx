import fc from 'fast-check'
import { createRoot } from 'react-dom/client'
import { neverStale, type Root } from '../support/never-stale.js'
import { ourHooks, resetsInAnEffect } from '../support/screens.js'

function newRoot(): Root {
  const home = document.body.appendChild(document.createElement('div'))
  const root = createRoot(home)
  return {
    render: (node) => root.render(node),
    unmount: () => {
      root.unmount()
      home.remove()
    },
  }
}

// As React's own scheduler does it: timers are slowed down in nested calls, messages are not.
async function settle(): Promise<void> {
  for (let i = 0; i < 6; i++) {
    await new Promise<void>((resolve) => {
      const { port1, port2 } = new MessageChannel()
      port1.onmessage = () => {
        port1.close()
        resolve()
      }
      port2.postMessage(null)
    })
  }
}

const screens = { ours: ourHooks(60_000), resetsInAnEffect }

async function tryOut(which: keyof typeof screens, numRuns: number) {
  const tally = { shownAllowed: 0 }
  const world = { newRoot, screen: screens[which], now: Date.now, settle }
  const result = await fc.check(neverStale(world, tally), { numRuns, endOnFailure: true })
  return { failed: result.failed, why: String(result.errorInstance), shownAllowed: tally.shownAllowed }
}

Object.assign(window, { tryOut })
