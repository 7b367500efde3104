import { type ReactNode, useEffect, useRef, useState } from 'react'
import { CountersignProvider, type PermissionState, useCan, usePermission, usePermissions } from '../../src/index.js'
import { PENDING, stateOf } from '../../src/permission-state.js'
import type { Screen, ScreenProps } from './never-stale.js'

const subjectOf = (user: string | null) => (user === null ? null : { type: 'user', id: user })

/** The hooks of this package, in each of their forms. */
export const ourHooks =
  (ttlMs: number): Screen =>
  (props) => (
    <CountersignProvider client={props.source} subject={subjectOf(props.user)} ttlMs={ttlMs}>
      <Probe {...props} />
    </CountersignProvider>
  )

function Probe({ user, permission, shows }: ScreenProps): ReactNode {
  shows(user, permission, useCan({ permission }).allowed)
  shows(user, permission, usePermission(permission).allowed)
  const [read, asked] = usePermissions([{ permission: 'read' }, { permission }])
  shows(user, 'read', read?.allowed ?? false)
  shows(user, permission, asked?.allowed ?? false)
  return null
}

/**
 * How such hooks are usually written, and wrong: the state belongs to the component, an effect resets it when the question
 * changes. The render in which the question has changed still shows the old answer.
 */
export const resetsInAnEffect: Screen = ({ user, permission, source, shows }) => {
  const [state, setState] = useState<PermissionState>(PENDING)
  useEffect(() => {
    let live = true
    setState(PENDING)
    source.check({ subject: subjectOf(user), permission }).then(
      (decision) => live && setState(stateOf(decision)),
      () => {},
    )
    return () => {
      live = false
    }
  }, [user, permission, source])
  shows(user, permission, state.allowed)
  return null
}

/** Another wrong one: it knows whose answer it has, but not that a later question was asked meanwhile. */
export const lastAnswerWins: Screen = ({ user, permission, source, shows }) => {
  const [state, setState] = useState<PermissionState>(PENDING)
  const [of, setOf] = useState('')
  const key = `${user} ${permission}`
  const latest = useRef(key)
  useEffect(() => {
    latest.current = key
    source.check({ subject: subjectOf(user), permission }).then(
      (decision) => {
        setOf(latest.current)
        setState(stateOf(decision))
      },
      () => {},
    )
  }, [key, user, permission, source])
  shows(user, permission, of === key && state.allowed)
  return null
}

/** And one that keeps answers by permission and forgets who asked. */
export const forgetsTheUser: Screen = ({ user, permission, source, shows }) => {
  const [states, setStates] = useState<Readonly<Record<string, PermissionState>>>({})
  useEffect(() => {
    source.check({ subject: subjectOf(user), permission }).then(
      (decision) => setStates((known) => ({ ...known, [permission]: stateOf(decision) })),
      () => {},
    )
  }, [user, permission, source])
  shows(user, permission, states[permission]?.allowed ?? false)
  return null
}
