// The package comes without types; of it a test needs this much.

declare module '@elastic/mockotlpserver' {
  export class MockOtlpServer {
    constructor(options: object)
    readonly httpUrl: URL
    readonly grpcUrl: URL
    start(): Promise<void>
    close(): Promise<void>
  }
}
