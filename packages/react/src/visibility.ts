/** Calls back when somebody may be looking again. Answers how to stop. */
export type WakeSource = (wake: () => void) => () => void

/**
 * The browser's own signs that somebody is looking: the page becomes visible, the window gets the focus, the network is
 * back. Where there is no document, in React Native or on a server, there are none.
 */
export const browserWakeSource: WakeSource = (wake) => {
  if (typeof document === 'undefined' || typeof window === 'undefined') return () => {}
  const onVisible = () => {
    if (document.visibilityState === 'visible') wake()
  }
  document.addEventListener('visibilitychange', onVisible)
  window.addEventListener('focus', wake)
  window.addEventListener('online', wake)
  return () => {
    document.removeEventListener('visibilitychange', onVisible)
    window.removeEventListener('focus', wake)
    window.removeEventListener('online', wake)
  }
}

/** Whether the page can be seen. Where there is no page, it can. */
export function isPageVisible(): boolean {
  return typeof document === 'undefined' || document.visibilityState !== 'hidden'
}
