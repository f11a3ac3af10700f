import type { Organization } from './tenant.ts'

export const DEFAULT_DOMAIN = 'contoso.example'
export const INITIAL_DOMAIN = 'contoso.onmicrosoft.example'
export const MERGED_DOMAIN = 'fabrikam.example'

export function makeOrganization(id: string): Organization {
  return {
    id,
    displayName: 'Contoso',
    domains: [
      { name: DEFAULT_DOMAIN, isDefault: true, isInitial: false },
      { name: INITIAL_DOMAIN, isDefault: false, isInitial: true },
      { name: MERGED_DOMAIN, isDefault: false, isInitial: false },
    ],
  }
}

export interface NamedPerson {
  readonly given: string
  readonly surname: string
  readonly jobTitle: string
  readonly department: string
  /** Index of the manager in this list, or null at the top. */
  readonly manager: number | null
}

/** First in every tenant, in this order: demos, documentation and tests count on them. */
export const NAMED_PEOPLE: readonly NamedPerson[] = [
  person('Adele Vance', 'Retail Manager', 'Sales', 11),
  person('Alex Wilber', 'Marketing Assistant', 'Marketing', 2),
  person('Megan Bowen', 'Marketing Manager', 'Marketing', 11),
  person('Diego Siciliani', 'HR Manager', 'Human Resources', 13),
  person('Grady Archie', 'Designer', 'Engineering', 8),
  person('Isaiah Langer', 'Sales Representative', 'Sales', 0),
  person('Johanna Lorenz', 'Senior Engineer', 'Engineering', 8),
  person('Joni Sherman', 'Paralegal', 'Legal', 12),
  person('Lee Gu', 'Director of Engineering', 'Engineering', 13),
  person('Lidia Holloway', 'Product Manager', 'Engineering', 8),
  person('Lynne Robbins', 'Planner', 'Operations', 12),
  person('Miriam Graham', 'Director of Sales and Marketing', 'Sales', 13),
  person('Nestor Wilke', 'Director of Operations', 'IT', 13),
  person('Patti Fernandez', 'President', 'Executive Management', null),
  person('Pradeep Gupta', 'Accountant', 'Finance', 13),
]

function person(
  name: string,
  jobTitle: string,
  department: string,
  manager: number | null,
): NamedPerson {
  const [given = '', surname = ''] = name.split(' ')
  return { given, surname, jobTitle, department, manager }
}

export interface NamedGroup {
  readonly name: string
  readonly description: string
  readonly type?: 'security' | 'unified' | 'distribution' | 'dynamic'
  readonly isHidden?: boolean
  /** Every member of this department belongs. */
  readonly department?: string
  readonly everyone?: 'members' | 'guests'
  /** Local parts of the named people who belong. */
  readonly people?: readonly string[]
  /** Names of the groups inside. */
  readonly groups?: readonly string[]
}

export const NAMED_GROUPS: readonly NamedGroup[] = [
  {
    name: 'All Employees',
    description: 'Everybody who works here',
    type: 'dynamic',
    everyone: 'members',
  },
  { name: 'Sales', description: 'Sales department', department: 'Sales' },
  { name: 'Engineering', description: 'Engineering department', department: 'Engineering' },
  {
    name: 'Marketing',
    description: 'Marketing department',
    type: 'unified',
    department: 'Marketing',
  },
  { name: 'Finance', description: 'Finance department', department: 'Finance' },
  { name: 'Human Resources', description: 'HR department', department: 'Human Resources' },
  { name: 'Legal', description: 'Legal department', department: 'Legal' },
  { name: 'IT', description: 'IT department', department: 'IT' },
  { name: 'Operations', description: 'Operations department', department: 'Operations' },
  {
    name: 'IT Admins',
    description: 'May administer servers and network',
    people: ['nestor.wilke', 'johanna.lorenz'],
  },
  {
    name: 'Leadership',
    description: 'Directors and president',
    people: ['patti.fernandez', 'lee.gu', 'miriam.graham', 'nestor.wilke', 'diego.siciliani'],
  },
  {
    name: 'Wi-Fi Corp',
    description: 'May use the internal wireless network',
    people: ['patti.fernandez'],
    groups: ['Engineering', 'Sales', 'IT Admins'],
  },
  {
    name: 'Wi-Fi Guests',
    description: 'May use the guest wireless network',
    everyone: 'guests',
    people: ['alex.wilber', 'pradeep.gupta'],
  },
  {
    name: 'VPN Users',
    description: 'May connect from outside',
    people: ['adele.vance', 'megan.bowen', 'joni.sherman'],
    groups: ['IT Admins', 'Leadership'],
  },
  {
    name: 'Project Northwind',
    description: 'Shares its people with Project Tailspin',
    people: ['grady.archie', 'lidia.holloway'],
    groups: ['Project Tailspin'],
  },
  {
    name: 'Project Tailspin',
    description: 'Shares its people with Project Northwind',
    people: ['lynne.robbins'],
    groups: ['Project Northwind'],
  },
  {
    name: 'Press',
    description: 'Mailing list',
    type: 'distribution',
    people: ['megan.bowen', 'alex.wilber'],
  },
  {
    name: 'Works Council',
    description: 'Membership is confidential',
    isHidden: true,
    people: ['joni.sherman', 'isaiah.langer'],
  },
]
