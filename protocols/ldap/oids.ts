/** Object identifiers of extended operations, controls and features. */
export const Oid = {
  /** RFC 4511 §4.14 */
  startTls: '1.3.6.1.4.1.1466.20037',
  /** RFC 4511 §4.4.1 */
  noticeOfDisconnection: '1.3.6.1.4.1.1466.20036',
  /** RFC 4532 */
  whoAmI: '1.3.6.1.4.1.4203.1.11.3',
  /** RFC 3909 */
  cancel: '1.3.6.1.1.8',
  /** RFC 3062 */
  passwordModify: '1.3.6.1.4.1.4203.1.11.1',
  /** RFC 2696 */
  pagedResults: '1.2.840.113556.1.4.319',
  /** draft-behera-ldap-password-policy */
  passwordPolicy: '1.3.6.1.4.1.42.2.27.8.5.1',
  /** RFC 3296 */
  manageDsaIt: '2.16.840.1.113730.3.4.2',
  /** RFC 4370 */
  proxiedAuthorization: '2.16.840.1.113730.3.4.18',
  /** RFC 3673, the attribute `+` */
  allOperationalAttributes: '1.3.6.1.4.1.4203.1.5.1',
  /** RFC 4529, `@class` in an attribute selection */
  attributesByObjectClass: '1.3.6.1.4.1.4203.1.5.2',
  /** RFC 4526, `(&)` and `(|)` */
  trueFalseFilters: '1.3.6.1.4.1.4203.1.5.3',
} as const
