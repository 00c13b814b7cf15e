// Who we are to S3. A level (the bucket, or one replica) names either keys or a kind of
// credentials, never both: what would be used must be plain to see.

import type { Secret } from '../primitives/secret.ts'
import { choice, secret, text } from './fields.ts'
import type { Loose, RuleProblem } from './section.ts'

export type CredentialsConfig =
  | {
      readonly kind: 'static'
      readonly accessKey: string
      readonly secretKey: Secret
      readonly sessionToken: Secret | undefined
    }
  | { readonly kind: 'anonymous' }
  | { readonly kind: 'default' }
  | { readonly kind: 'environment' }
  | { readonly kind: 'container' }
  | { readonly kind: 'instance' }
  | { readonly kind: 'profile'; readonly profile: string | undefined }
  | {
      readonly kind: 'web_identity'
      readonly roleArn: string | undefined
      readonly tokenFile: string | undefined
    }
  | {
      readonly kind: 'assume_role'
      readonly roleArn: string
      readonly externalId: string | undefined
    }

const kinds = [
  'default',
  'anonymous',
  'environment',
  'profile',
  'web_identity',
  'container',
  'instance',
  'assume_role',
] as const

export const credentialsFields = {
  access_key: text({ wanted: 'an access key id' }).optional(),
  secret_key: secret('a secret access key').optional(),
  session_token: secret('a session token').optional(),
  credentials: choice(kinds).optional(),
  profile: text({ wanted: 'the name of a profile' }).optional(),
  role_arn: text({ wanted: 'the ARN of a role', test: /^arn:\S+$/ }).optional(),
  external_id: text({ wanted: 'an external id' }).optional(),
  web_identity_token_file: text({ wanted: 'the path of a token file' }).optional(),
}

export interface CredentialsSettings {
  readonly access_key?: string | undefined
  readonly secret_key?: Secret | undefined
  readonly session_token?: Secret | undefined
  readonly credentials?: (typeof kinds)[number] | undefined
  readonly profile?: string | undefined
  readonly role_arn?: string | undefined
  readonly external_id?: string | undefined
  readonly web_identity_token_file?: string | undefined
}

/** Which kinds a setting says something about; with any other it would be ignored in silence. */
const belongsTo: Readonly<Record<string, readonly string[]>> = {
  profile: ['profile'],
  role_arn: ['web_identity', 'assume_role'],
  external_id: ['assume_role'],
  web_identity_token_file: ['web_identity'],
}

export function credentialsRule(settings: Loose): RuleProblem[] {
  return [...keyProblems(settings), ...kindProblems(settings)]
}

function keyProblems(settings: Loose): RuleProblem[] {
  const given = (name: string) => settings[name] !== undefined
  const problems: RuleProblem[] = []
  const report = (name: string, message: string) => problems.push({ path: [name], message })

  if (given('access_key') && !given('secret_key')) {
    report('secret_key', 'is missing; access_key is given without it')
  }
  if (given('secret_key') && !given('access_key')) {
    report('access_key', 'is missing; secret_key is given without it')
  }
  if (given('session_token') && !given('access_key') && !given('secret_key')) {
    report('session_token', 'means nothing without access_key and secret_key')
  }
  if (given('credentials') && (given('access_key') || given('secret_key'))) {
    report('credentials', 'contradicts access_key and secret_key; give one or the other')
  }
  return problems
}

function kindProblems(settings: Loose): RuleProblem[] {
  const kind = settings['credentials']
  const misplaced = Object.entries(belongsTo)
    .filter(([name, kinds]) => settings[name] !== undefined && !kinds.includes(String(kind)))
    .map(([name, kinds]) => ({
      path: [name],
      message: `means nothing here; it belongs to credentials: ${kinds.join(' or ')}`,
    }))
  const isRoleMissing = kind === 'assume_role' && settings['role_arn'] === undefined
  const message = 'is missing; credentials: assume_role needs it'
  return isRoleMissing ? [...misplaced, { path: ['role_arn'], message }] : misplaced
}

export function namesCredentials(settings: CredentialsSettings): boolean {
  return settings.credentials !== undefined || settings.access_key !== undefined
}

export function toCredentials(settings: CredentialsSettings): CredentialsConfig {
  const { access_key: accessKey, secret_key: secretKey, session_token: sessionToken } = settings
  if (accessKey !== undefined && secretKey !== undefined) {
    return { kind: 'static', accessKey, secretKey, sessionToken }
  }
  const { credentials: kind = 'default', role_arn: roleArn } = settings
  if (kind === 'profile') return { kind, profile: settings.profile }
  if (kind === 'web_identity') {
    return { kind, roleArn, tokenFile: settings.web_identity_token_file }
  }
  if (kind === 'assume_role') {
    return { kind, roleArn: roleArn ?? '', externalId: settings.external_id }
  }
  return { kind }
}

const mask = '***'

export function printCredentials(credentials: CredentialsConfig): object {
  if (credentials.kind !== 'static') {
    return { credentials: credentials.kind, ...present(detailsOf(credentials)) }
  }
  const { accessKey, sessionToken } = credentials
  const token = sessionToken === undefined ? {} : { session_token: mask }
  return { access_key: accessKey, secret_key: mask, ...token }
}

function detailsOf(credentials: CredentialsConfig): Readonly<Record<string, string | undefined>> {
  if (credentials.kind === 'profile') return { profile: credentials.profile }
  if (credentials.kind === 'web_identity') {
    return { role_arn: credentials.roleArn, web_identity_token_file: credentials.tokenFile }
  }
  if (credentials.kind === 'assume_role') {
    return { role_arn: credentials.roleArn, external_id: credentials.externalId }
  }
  return {}
}

function present(settings: Readonly<Record<string, string | undefined>>): object {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined))
}
