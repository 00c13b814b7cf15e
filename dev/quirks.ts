// Whose behaviour the server shows where S3 servers differ: AWS's, or that of Ceph's gateway 16.2.

export type Quirks = 'aws' | 'ceph'
