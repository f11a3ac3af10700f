/**
 * Made-up people are put together from these common names. A pair is a name with its spelling in
 * ASCII, where dropping the accents would not give it.
 */
export type Name = string | readonly [name: string, ascii: string]

export const GIVEN_NAMES: readonly Name[] = [
  ...names(`Aaron Abigail Ada Adrian Agnes Ahmed Aisha Alan Albert Alice Alina Amara Amelia Amir Amy
    Ana Andrea Andrew Angela Anita Anna Anton Antonio Arjun Arthur Ava Beatrice Ben Bianca Boris
    Brian Bruno Carla Carlos Caroline Cecilia Charles Chloe Chris Clara Claire Colin Daniel Daniela
    Daphne David Deepa Denis Diana Dmitri Dominic Dora Edith Eduardo Elena Elias Elif Elisa Ella
    Emil Emily Emma Eric Erika Esther Ethan Eva Fabian Farah Fatima Felix Fiona Florence Frank
    Gabriel Gemma George Gerard Gloria Grace Greta Hana Hannah Harald Hassan Helen Henry Hugo Ian
    Ibrahim Ida Ines Ingrid Irene Isabel Ivan Jack Jacob James Jana Jane Jasmin Javier Jean Jenna
    Jonas Jorge Joseph Julia Julian Kai Karen Karim Katarina Kenji Kevin Kiran Klara Laila Lara Laura
    Lea Leila Leon Leonard Lily Linda Liam Lisa Louis Lucas Lucia Luis Maja Marcel Marco Maria Marie
    Mark Marta Martin Mary Mateo Maya Mei Michael Mila Mina Mohamed Monica Nadia Nadine Naomi Natalie
    Neha Nicolas Nina Noah Nora Olga Oliver Olivia Omar Oscar Otto Pablo Paul Paula Peter Petra
    Philip Priya Rachel Rafael Rahul Raj Rebecca Rita Robert Rosa Ruben Ruth Sam Samira Sandra Sanjay
    Sara Sebastian Selma Silvia Simon Sofia Sonia Stefan Stella Susan Tamara Tanja Tara Teresa Thomas
    Tim Tina Tom Uma Ursula Valentin Vera Victor Viola Walter Wanda William Yasmin Yusuf Zara`),
  ...names(
    'Zoë Chloé José André François Renée Siân Niamh Óscar Mónica Inés Jürgen Björn Jörg Käthe',
  ),
  ...names(
    'Åsa Märta Éva Zsófia Šárka Jiří Ondřej Çağla Gülşen Ğamze Nguyễn Hồng Tomáš Ștefan Dănuț',
  ),
  ['Søren', 'soren'],
  ['Łukasz', 'lukasz'],
  ['Ægir', 'aegir'],
  ['Þóra', 'thora'],
  ['Đorđe', 'djordje'],
  ['Işıl', 'isil'],
  ['Ольга', 'olga'],
  ['Дмитрий', 'dmitriy'],
  ['Γιώργος', 'giorgos'],
  ['美咲', 'misaki'],
  ['健太', 'kenta'],
  ['伟', 'wei'],
  ['지우', 'jiwoo'],
  ['مريم', 'maryam'],
  ['נועה', 'noa'],
  ['Anne-Marie', 'anne-marie'],
  ['Jean-Luc', 'jean-luc'],
]

export const SURNAMES: readonly Name[] = [
  ...names(`Adams Ahmed Alvarez Andersen Anderson Baker Bakker Banerjee Bauer Becker Bell Berg Bernard
    Bianchi Blanc Brandt Brown Bruno Burke Campbell Carter Chang Chen Clark Cohen Collins Conti Costa
    Cruz Das Davies Davis Dubois Duran Edwards Ellis Evans Fernandes Ferrari Fischer Fontaine Foster
    Fox Franco Garcia Gill Gomez Gonzalez Graf Gray Green Gruber Haas Haddad Hall Hansen Harris Hart
    Hassan Hill Hoffmann Horvat Hughes Huber Ito Ivanov Jackson Jain James Jansen Jensen Johansson
    Jones Kaplan Kato Kaur Keller Kelly Khan Kim King Klein Koch Kovacs Kumar Lambert Lang Larsen
    Laurent Lee Lehmann Leone Levy Lewis Lim Lindberg Lopez Lund Maier Malik Marino Martin Martinez
    Meyer Miller Mitchell Mora Moreau Moretti Morgan Morris Murphy Nair Nakamura Nelson Neumann Nguyen
    Nielsen Nowak Olsen Ortiz Owen Park Parker Patel Pereira Perez Petersen Petrov Peters Phillips
    Popescu Porter Powell Price Rao Reddy Reed Reyes Ricci Richter Rivera Roberts Robinson Romano
    Rossi Roux Russo Saito Sanchez Santos Sato Schmidt Schneider Schulz Scott Sharma Silva Simon
    Singh Smith Sousa Stein Stewart Suzuki Tan Tanaka Taylor Thomas Thompson Torres Turner Vogel
    Wagner Walker Wang Ward Watson Weber Weiss White Williams Wilson Winter Wolf Wong Wood Wright
    Yamamoto Yang Yilmaz Young Zhang Zimmermann`),
  ...names(
    'Müller Schröder Böhm Grün Lefèvre Gonçalves Peña Muñoz Núñez Brontë Çelik Öztürk Yıldız',
  ),
  ...names(
    'Dvořák Němec Horák Kovačević Šimić Nagyné Szabó Kőszegi Ionescu Ñáñez Ångström Sjögren',
  ),
  ['Sørensen', 'sorensen'],
  ['Østergård', 'ostergaard'],
  ['Wałęga', 'walega'],
  ['Groß', 'gross'],
  ['Иванова', 'ivanova'],
  ['Соколов', 'sokolov'],
  ['Παπαδάκης', 'papadakis'],
  ['山本', 'yamamoto'],
  ['佐藤', 'sato'],
  ['李', 'li'],
  ['김', 'kim'],
  ['الحسن', 'alhasan'],
  ['כהן', 'cohen'],
  ["O'Brien", 'obrien'],
  ["D'Angelo", 'dangelo'],
  ['van der Berg', 'vanderberg'],
  ['de la Cruz', 'delacruz'],
  ['Smith-Jones', 'smith-jones'],
]

function names(text: string): string[] {
  return text.trim().split(/\s+/)
}

export function spelling(name: Name): string {
  return typeof name === 'string' ? name : name[0]
}

/** Lower case ASCII, fit for the local part of a userPrincipalName. */
export function asciiOf(name: Name): string {
  if (typeof name !== 'string') return name[1]
  return name
    .normalize('NFD')
    .replaceAll('ı', 'i')
    .replace(/[^A-Za-z-]/g, '')
    .toLowerCase()
}

export interface Department {
  readonly name: string
  readonly titles: readonly string[]
  /** Relative size. */
  readonly weight: number
}

export const DEPARTMENTS: readonly Department[] = [
  {
    name: 'Sales',
    weight: 20,
    titles: ['Account Executive', 'Sales Representative', 'Key Account Manager', 'Sales Engineer'],
  },
  {
    name: 'Engineering',
    weight: 22,
    titles: ['Engineer', 'Senior Engineer', 'Test Engineer', 'Systems Engineer', 'Architect'],
  },
  {
    name: 'Marketing',
    weight: 7,
    titles: ['Marketing Assistant', 'Content Editor', 'Brand Specialist', 'Event Planner'],
  },
  {
    name: 'Finance',
    weight: 6,
    titles: ['Accountant', 'Controller', 'Payroll Clerk', 'Financial Analyst'],
  },
  {
    name: 'Human Resources',
    weight: 4,
    titles: ['Recruiter', 'HR Partner', 'Training Coordinator'],
  },
  { name: 'Legal', weight: 2, titles: ['Paralegal', 'Counsel', 'Contract Specialist'] },
  {
    name: 'IT',
    weight: 6,
    titles: ['Administrator', 'Service Desk Analyst', 'Network Engineer', 'Security Analyst'],
  },
  {
    name: 'Operations',
    weight: 9,
    titles: ['Planner', 'Operations Analyst', 'Facility Coordinator', 'Buyer'],
  },
  {
    name: 'Customer Support',
    weight: 10,
    titles: ['Support Agent', 'Support Engineer', 'Team Lead Support'],
  },
  {
    name: 'Manufacturing',
    weight: 10,
    titles: ['Technician', 'Shift Lead', 'Quality Inspector', 'Process Engineer'],
  },
  {
    name: 'Research & Development',
    weight: 4,
    titles: ['Scientist', 'Research Engineer', 'Lab Assistant', 'Designer'],
  },
]

export interface Office {
  readonly city: string
  readonly country: string
  readonly usageLocation: string
  readonly language: string
  readonly street: string
  readonly postalCode: string
  readonly state: string | null
  readonly dialling: string
}

export const OFFICES: readonly Office[] = [
  office(
    'Seattle',
    'United States',
    'US',
    'en-US',
    '100 Example Avenue',
    '98101',
    'WA',
    '+1 206 555',
  ),
  office(
    'Austin',
    'United States',
    'US',
    'en-US',
    '2200 Sample Street',
    '78701',
    'TX',
    '+1 512 555',
  ),
  office(
    'London',
    'United Kingdom',
    'GB',
    'en-GB',
    '1 Example Lane',
    'EC1A 1AA',
    null,
    '+44 20 7946',
  ),
  office('München', 'Germany', 'DE', 'de-DE', 'Beispielstraße 5', '80331', 'Bayern', '+49 89 5550'),
  office('Paris', 'France', 'FR', 'fr-FR', "12 rue de l'Exemple", '75001', null, '+33 1 99 00'),
  office('Málaga', 'Spain', 'ES', 'es-ES', 'Calle Ejemplo 8', '29001', 'Andalucía', '+34 900 555'),
  office('São Paulo', 'Brazil', 'BR', 'pt-BR', 'Rua Exemplo 40', '01000-000', 'SP', '+55 11 5550'),
  office('Kraków', 'Poland', 'PL', 'pl-PL', 'ul. Przykładowa 3', '30-001', null, '+48 12 555'),
  office('İzmir', 'Türkiye', 'TR', 'tr-TR', 'Örnek Sokak 7', '35000', null, '+90 232 555'),
  office('東京', 'Japan', 'JP', 'ja-JP', '例町 1-2-3', '100-0001', null, '+81 3 5550'),
  office(
    'Bengaluru',
    'India',
    'IN',
    'en-IN',
    '14 Sample Road',
    '560001',
    'Karnataka',
    '+91 80 5550',
  ),
]

function office(
  city: string,
  country: string,
  usageLocation: string,
  language: string,
  street: string,
  postalCode: string,
  state: string | null,
  dialling: string,
): Office {
  return { city, country, usageLocation, language, street, postalCode, state, dialling }
}
