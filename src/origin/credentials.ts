// Who asks S3. Keys written into the configuration are at hand; everything else comes from the
// providers of the AWS SDK, which are imported only when a replica needs one. All state lives in
// the source that is returned: two replicas never share an outage.

import type * as Providers from '@aws-sdk/credential-providers'

import type { CredentialsConfig } from '../config/s3.ts'
import { type LoadedCredentials, RenewedCredentials } from './renewed-credentials.ts'
import type { Credentials } from './sign.ts'

export interface CredentialSource {
  /** Undefined is anonymous. A value, not a promise, whenever one is at hand. */
  get(now: number): Credentials | undefined | Promise<Credentials | undefined>
  /** S3 turned the credentials down: the next get loads them afresh. */
  invalidate(): void
}

type ProvidedConfig = Exclude<CredentialsConfig, { kind: 'static' | 'anonymous' }>

interface ProvidedIdentity {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string
  readonly expiration?: Date
}

const longestLoadMs = 30_000
const metadataTries = { timeout: 1000, maxRetries: 1 }
const stsTimeouts = {
  connectionTimeout: 3000,
  requestTimeout: 8000,
  throwOnRequestTimeout: true,
}

export function createCredentialSource(
  config: CredentialsConfig,
  region: string,
): CredentialSource {
  if (config.kind === 'anonymous') return fixedSource(undefined)
  if (config.kind !== 'static') return new RenewedCredentials(() => load(config, region))
  return fixedSource({
    accessKeyId: config.accessKey,
    secretAccessKey: config.secretKey.reveal(),
    sessionToken: config.sessionToken?.reveal(),
  })
}

function fixedSource(credentials: Credentials | undefined): CredentialSource {
  return { get: () => credentials, invalidate: () => undefined }
}

async function load(config: ProvidedConfig, region: string): Promise<LoadedCredentials> {
  try {
    const providers = await import('@aws-sdk/credential-providers')
    const identity = await inTime(provide(providers, config, region))
    return {
      credentials: {
        accessKeyId: identity.accessKeyId,
        secretAccessKey: identity.secretAccessKey,
        sessionToken: identity.sessionToken,
      },
      expiresAt: identity.expiration?.getTime() ?? Number.POSITIVE_INFINITY,
    }
  } catch (error) {
    // The cause is left behind: an SDK error can carry the answer it could not read, keys and all.
    // oxlint-disable-next-line eslint/preserve-caught-error
    throw new Error(`no credentials from ${triedOf(config)}: ${publicReason(error)}`)
  }
}

/** A new provider for every load: the SDK's own memories would keep what has just been refused. */
function provide(
  providers: typeof Providers,
  config: ProvidedConfig,
  region: string,
): Promise<ProvidedIdentity> {
  const clientConfig = { region, requestHandler: stsTimeouts }

  switch (config.kind) {
    case 'default':
      return providers.fromNodeProviderChain({
        clientConfig,
        ignoreCache: true,
        ...metadataTries,
      })()
    case 'environment':
      return providers.fromEnv()()
    case 'container':
      return providers.fromHttp(metadataTries)()
    case 'instance':
      return providers.fromInstanceMetadata(metadataTries)()
    case 'profile':
      return providers.fromIni({
        clientConfig,
        ignoreCache: true,
        ...(config.profile !== undefined && { profile: config.profile }),
      })()
    case 'web_identity':
      return providers.fromTokenFile({
        clientConfig,
        ...(config.roleArn !== undefined && { roleArn: config.roleArn }),
        ...(config.tokenFile !== undefined && { webIdentityTokenFile: config.tokenFile }),
      })()
    case 'assume_role':
      return providers.fromTemporaryCredentials({
        clientConfig,
        params: {
          RoleArn: config.roleArn,
          RoleSessionName: 'sluice',
          ...(config.externalId !== undefined && { ExternalId: config.externalId }),
        },
      })()
    default:
      return config satisfies never
  }
}

async function inTime<Value>(promise: Promise<Value>): Promise<Value> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new TooLate()), longestLoadMs)
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

class TooLate extends Error {
  override readonly name = 'ProviderError'
  override readonly message = `nothing came within ${longestLoadMs / 1000} s`
}

function triedOf(config: ProvidedConfig): string {
  switch (config.kind) {
    case 'default':
      return 'the default chain (environment, profile, web identity, container, instance metadata)'
    case 'environment':
      return 'the environment (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY)'
    case 'container':
      return 'the container endpoint (AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI)'
    case 'instance':
      return 'the instance metadata service'
    case 'profile':
      return `the profile ${config.profile ?? process.env['AWS_PROFILE'] ?? 'default'}`
    case 'web_identity':
      return `the web identity token in ${config.tokenFile ?? '$AWS_WEB_IDENTITY_TOKEN_FILE'}`
    case 'assume_role':
      return `assuming the role ${config.roleArn}`
    default:
      return config satisfies never
  }
}

/**
 * Messages are repeated only from errors known to hold none of what was read: a parser's quotes
 * the answer, and a failed credential_process quotes its command line.
 */
function publicReason(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown reason'
  const code = 'code' in error && typeof error.code === 'string' ? ` (${error.code})` : ''
  const isKnown = '$fault' in error || speakingErrors.has(error.name)
  if (!isKnown || error.message.startsWith('Command failed')) return `${error.name}${code}`
  return `${error.name}: ${error.message.split('\n', 1)[0]}${code}`
}

const speakingErrors = new Set(['CredentialsProviderError', 'ProviderError', 'TokenProviderError'])
