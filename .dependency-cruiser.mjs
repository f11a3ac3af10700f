/**
 * Who may import whom. Each rule says why; test/architecture.test.ts holds them, and proves that the
 * modules were seen and that a planted violation is found.
 */

const PROTOCOLS = ['ldap', 'radius', 'scim']
const NODE_OWN = ['core']

export const ruleSet = {
  forbidden: [
    {
      name: 'no-cycles',
      comment: 'Two modules that need each other are one module, or hide a third.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    ...PROTOCOLS.map((protocol) => ({
      name: `protocol-${protocol}-stands-alone`,
      comment:
        'A protocol is a library: it knows itself and the wire, and could be published alone.',
      severity: 'error',
      from: { path: `^protocols/${protocol}/` },
      to: {
        path: '^(src|simulators|migrations|protocols)/',
        pathNot: `^protocols/(${protocol}/|wire/index\\.ts$)`,
      },
    })),
    {
      name: 'wire-stands-alone',
      comment: 'The wire is the bottom.',
      severity: 'error',
      from: { path: '^protocols/wire/' },
      to: { path: '^(src|simulators|migrations|protocols)/', pathNot: '^protocols/wire/' },
    },
    {
      name: 'protocols-need-no-package',
      comment: 'Hostile bytes meet no code but ours.',
      severity: 'error',
      from: { path: '^protocols/' },
      to: {
        dependencyTypesNot: [...NODE_OWN, 'local', 'type-only'],
        pathNot: '^(node:|[a-z_/]+$)',
      },
    },
    {
      name: 'protocols-are-entered-by-their-index',
      comment: 'What index.ts does not export is theirs to change.',
      severity: 'error',
      from: { path: '^(src|simulators|migrations)/' },
      to: { path: '^protocols/', pathNot: '^protocols/[a-z]+/index\\.ts$' },
    },
    {
      name: 'directory-imports-nothing',
      comment: 'The domain knows of no protocol, no SQL and no cloud.',
      severity: 'error',
      from: { path: '^src/directory/' },
      to: { pathNot: '^src/directory/', dependencyTypesNot: NODE_OWN },
    },
    {
      name: 'access-is-pure',
      comment: 'Who may use what is decided from the directory alone.',
      severity: 'error',
      from: { path: '^src/access/' },
      to: { pathNot: '^src/(access|directory)/' },
    },
    {
      name: 'profiles-are-pure',
      comment: 'Files for devices are made of values; they could be a library of their own.',
      severity: 'error',
      from: { path: '^src/profiles/' },
      to: {
        path: '^(src|protocols|simulators|migrations)/|node_modules/(?!@peculiar/)',
        pathNot: '^src/profiles/',
      },
    },
    {
      name: 'sql-stays-in-storage',
      comment: 'One place knows the database.',
      severity: 'error',
      from: { path: '^(src|protocols|simulators)/', pathNot: '^src/storage/' },
      to: { path: 'node_modules/(kysely|pg|@electric-sql)/' },
    },
    {
      name: 'storage-serves-ports',
      comment: 'Storage implements what others ask for; it uses none of them.',
      severity: 'error',
      from: { path: '^src/storage/' },
      to: { path: '^src/(gateway|admin|cli|config|daemon|main|access)' },
    },
    {
      name: 'a-source-knows-no-other',
      comment: 'Sources and connectors do not meet.',
      severity: 'error',
      from: { path: '^src/sources/([^/]+)/' },
      to: { path: '^src/sources/[^/]+/', pathNot: '^src/sources/$1/' },
    },
    {
      name: 'protocols-meet-the-directory-in-gateways',
      comment: 'Everywhere else one of the two would leak into the other.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(gateway|daemon|demo)' },
      to: { path: '^protocols/(ldap|radius|scim)/' },
    },
    {
      name: 'gateways-adapt-and-nothing-more',
      comment: 'A gateway asks through ports; it never sees SQL, sources or the admin API.',
      severity: 'error',
      from: { path: '^src/gateway/' },
      to: { path: '^src/(storage|sources|admin|cli|config|daemon|main)' },
    },
    {
      name: 'only-the-root-composes',
      comment: 'What is wired together is to be read in one place.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(main|demo|daemon|cli/(serve|demo))' },
      to: { path: '^src/(daemon|demo)(.ts$|/)' },
    },
    {
      name: 'simulators-stand-apart',
      comment: 'A double that shares our code only proves that we agree with ourselves.',
      severity: 'error',
      from: { path: '^simulators/' },
      to: { path: '^(src|protocols|migrations)/' },
    },
    {
      name: 'no-test-code-in-the-product',
      comment: 'What serves tests must not be needed to run.',
      severity: 'error',
      from: { path: '^(src|protocols|simulators|migrations)/' },
      to: { path: '^(test|bench)/' },
    },
  ],
}
