import { USER_SCHEMA } from '../urns.ts'
import { binary, complex, flag, plural, reference, type Schema, text } from './attribute.ts'

const name = complex('name', 'The parts of the name.', {
  subAttributes: [
    text('formatted', 'The whole name, as it is shown.'),
    text('familyName', 'Family name.'),
    text('givenName', 'Given name.'),
    text('middleName', 'Middle names.'),
    text('honorificPrefix', 'Title before the name.'),
    text('honorificSuffix', 'What follows the name.'),
  ],
})

const addresses = complex('addresses', 'Postal addresses.', {
  multiValued: true,
  subAttributes: [
    text('formatted', 'The whole address, as it is shown.'),
    text('streetAddress', 'Street, house number and what else comes before the town.'),
    text('locality', 'Town.'),
    text('region', 'State or region.'),
    text('postalCode', 'Postal code.'),
    text('country', 'Country, ISO 3166-1 alpha-2.'),
    text('type', 'What the address is used for.', { canonicalValues: ['work', 'home', 'other'] }),
    flag('primary', 'Whether this is the preferred address.'),
  ],
})

const groups = complex('groups', 'The groups the person belongs to; changed through the groups.', {
  multiValued: true,
  mutability: 'readOnly',
  subAttributes: [
    text('value', "The group's id.", { mutability: 'readOnly', caseExact: true }),
    reference('$ref', 'Where the group can be read.', {
      mutability: 'readOnly',
      referenceTypes: ['Group'],
    }),
    text('display', "The group's display name.", { mutability: 'readOnly' }),
    text('type', 'Whether the membership is direct.', {
      mutability: 'readOnly',
      canonicalValues: ['direct', 'indirect'],
    }),
  ],
})

/** RFC 7643 §4.1, with the characteristics of §8.7.1. */
export const userSchema: Schema = {
  id: USER_SCHEMA,
  name: 'User',
  description: 'User Account',
  attributes: [
    text('userName', 'Log-in name.', { required: true, uniqueness: 'server' }),
    name,
    text('displayName', 'The name shown to other people.'),
    text('nickName', 'What the person likes to be called.'),
    reference('profileUrl', "A page with the person's profile.", { referenceTypes: ['external'] }),
    text('title', 'Job title.'),
    text('userType', 'Relation to the organization.'),
    text('preferredLanguage', 'Preferred language, as in Accept-Language.'),
    text('locale', 'Locale for currency, dates and numbers.'),
    text('timezone', 'Time zone, an Olson name.'),
    flag('active', 'Whether the person may sign in.'),
    text('password', 'Password; can be written but never read.', {
      mutability: 'writeOnly',
      returned: 'never',
    }),
    plural('emails', 'E-mail addresses.', {
      value: text('value', 'The address.'),
      types: ['work', 'home', 'other'],
    }),
    plural('phoneNumbers', 'Telephone numbers.', {
      value: text('value', 'The number.'),
      types: ['work', 'home', 'mobile', 'fax', 'pager', 'other'],
    }),
    plural('ims', 'Addresses for instant messages.', {
      value: text('value', 'The address.'),
      types: ['aim', 'gtalk', 'icq', 'xmpp', 'msn', 'skype', 'qq', 'yahoo'],
    }),
    plural('photos', 'Pictures of the person.', {
      value: reference('value', 'Where the picture is.', { referenceTypes: ['external'] }),
      types: ['photo', 'thumbnail'],
    }),
    addresses,
    groups,
    plural('entitlements', 'What the person has a right to.', {
      value: text('value', 'The entitlement.'),
    }),
    plural('roles', "The person's roles.", { value: text('value', 'The role.') }),
    plural('x509Certificates', "The person's certificates.", {
      value: binary('value', 'The certificate: DER, in base64.'),
    }),
  ],
}
