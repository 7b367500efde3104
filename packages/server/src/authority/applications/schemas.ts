import { Type } from 'typebox'
import { exactly, Id, IdentitySchema, Instant, Jwks, Labels, Name, nullable } from '../administration/schemas.js'

const Origins = Type.Array(Type.String({ minLength: 1, maxLength: 300 }), {
  maxItems: 20,
  uniqueItems: true,
  description: 'Browser origins that may call the token, wait and decision endpoints for this application.',
})

export const ApplicationView = exactly({
  id: Id,
  name: Name,
  auth_method: Type.Enum(['client_secret', 'private_key_jwt']),
  jwks: nullable(Jwks),
  owner: nullable(IdentitySchema),
  labels: Labels,
  origins: Origins,
  created_at: Instant,
  updated_at: Instant,
})

export const CreateApplication = exactly({
  name: Name,
  auth_method: Type.Enum(['client_secret', 'private_key_jwt', 'none']),
  jwks: Type.Optional(Jwks),
  owner: Type.Optional(IdentitySchema),
  labels: Type.Optional(Labels),
  origins: Type.Optional(Origins),
})

export const UpdateApplication = exactly({
  name: Type.Optional(Name),
  jwks: Type.Optional(Jwks),
  owner: Type.Optional(IdentitySchema),
  labels: Type.Optional(Labels),
  origins: Type.Optional(Origins),
})

/** Shown once. */
export const ClientSecret = Type.String({ description: 'The secret, which is not stored and never shown again.' })

export const DEFAULT_OVERLAP_SECONDS = 24 * 60 * 60

export const RotateSecret = exactly({
  overlap_seconds: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: 30 * 24 * 60 * 60,
      default: DEFAULT_OVERLAP_SECONDS,
      description: 'How long the secrets before this one still count.',
    }),
  ),
})

export const RotatedSecret = exactly({
  client_secret: ClientSecret,
  previous_expires_at: Type.String({ format: 'date-time', description: 'When the secrets before this one end.' }),
})
