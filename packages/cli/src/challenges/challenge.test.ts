import { expect, test } from 'vitest'
import { CliError } from '../cli-error.js'
import { readChallenge } from './challenge.js'

const challenge = {
  id: 'c-1',
  zone_id: 'z-1',
  challenge_type: 'human_approval',
  state: 'pending',
  application: { id: 'app-1' },
  request: { subject: { kind: 'user', id: 'alice' } },
  approvals: { have: 0, need: 1 },
  expires_at: '2026-01-01T00:00:00Z',
}

test('what is of no known type or in no known state is not taken for a challenge', () => {
  expect(readChallenge(challenge)).toMatchObject({ state: 'pending', subject: 'user alice' })
  for (const wrong of [{ state: 'lost' }, { state: undefined }, { challenge_type: 'riddle' }]) {
    expect(() => readChallenge({ ...challenge, ...wrong })).toThrow(CliError)
  }
})
