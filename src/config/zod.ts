// The one importer of zod: the schemas are many files, the package has one door.

export { z } from 'zod'
