import { SETTINGS } from './config.ts'

/** docs/configuration.md, from the settings themselves. */
export function formatConfigurationPage(): string {
  const rows = SETTINGS.map(({ key, fallback, doc }) => {
    const variable = `GATEHOUSE_${key.toUpperCase()}`
    const given = fallback === null || fallback === '' ? '–' : `\`${fallback}\``
    return `| \`${key}\`<br>\`${variable}\` | ${given} | ${doc} |`
  })
  return `${INTRODUCTION}\n| setting | default | meaning |\n| --- | --- | --- |\n${rows.join('\n')}\n\n${ENDING}`
}

const INTRODUCTION = `# Configuration

Only what a daemon needs to start is configured here; everything else lives in the directory and is
changed through the command line or the admin API.

Settings are read from \`gatehouse.yaml\` in the working folder, or the file that \`--config\` names, and
then from the environment, which wins. Relative paths start at the file's folder. A setting that holds
a secret can be given as a file, as in \`GATEHOUSE_DATABASE_URL_FILE\`. Unknown settings are refused, and
every fault is reported at once. This page is made from the sources by \`npm run docs\`.
`

const ENDING = `Listeners are lists of \`host:port\`, \`[IPv6]:port\`, or a bare port for every local address, separated by
commas; \`off\` closes one.
`
