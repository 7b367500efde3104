// Says which tests were left out and why, so that a pass is never taken for more than it is. With CI set leaving out fails.
export default class LeftOutReporter {
  #filtered = false

  onInit(vitest) {
    this.#filtered = vitest.config.testNamePattern !== undefined
  }

  onTestRunEnd(modules) {
    // `-t` and `.only` leave out on purpose.
    if (this.#filtered) return
    const skipped = modules.flatMap((module) => [...module.children.allTests('skipped')])
    if (skipped.length === 0) return
    const list = skipped.map((test) => `  ${test.module.relativeModuleId}: ${test.fullName}${why(test.result().note)}`)
    console.error(`\nLeft out, for want of what they need on this machine:\n${list.join('\n')}`)
    if (!process.env.CI) return
    console.error('With CI set nothing may be left out.')
    process.exitCode = 1
  }
}

function why(note) {
  return note === undefined ? '' : ` (${note})`
}
