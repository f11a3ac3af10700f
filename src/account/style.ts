/** Plain, readable at 320 px and at any zoom, light or dark as the reader has it. */
export const STYLE = `:root { color-scheme: light dark; --line: #767676; --accent: #0b57d0; --bad: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --line: #8c8c8c; --accent: #a8c7fa; --bad: #f2b8b5; } }
* { box-sizing: border-box; }
body { margin: 0; background: Canvas; color: CanvasText; font: 1.0625rem/1.5 system-ui, sans-serif; }
main { max-width: 30rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; line-height: 1.25; }
label { display: block; font-weight: 600; margin-top: 1rem; }
input:not([type=checkbox]) { width: 100%; font: inherit; padding: 0.6rem; border: 1px solid var(--line); border-radius: 4px; }
input[aria-invalid="true"] { border: 2px solid var(--bad); }
button, .button { display: inline-block; font: inherit; font-weight: 600; margin-top: 1.5rem; padding: 0.7rem 1.2rem; border: 2px solid var(--accent); border-radius: 4px; background: Canvas; color: var(--accent); text-decoration: none; cursor: pointer; }
p .button { margin-top: 0.5rem; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.hint { margin: 0.25rem 0 0; font-size: 0.9375rem; }
.error { color: var(--bad); font-weight: 600; margin: 0.25rem 0 0; }
.notice { border-left: 4px solid var(--bad); padding: 0.5rem 0 0.5rem 0.75rem; }
fieldset { border: 1px solid var(--line); border-radius: 4px; margin: 1rem 0 0; }
legend { font-weight: 600; }
label.choice { font-weight: 400; margin-top: 0.25rem; }
.secret { font: 1.125rem/1.5 ui-monospace, monospace; border: 1px solid var(--line); border-radius: 4px; padding: 0.75rem; user-select: all; }
.qr { display: block; max-width: 100%; height: auto; }
ul.codes { list-style: none; }
ul.list { list-style: none; padding: 0; }
ul.list li { border-top: 1px solid var(--line); padding: 0.75rem 0; }
ul.list button { margin-top: 0.5rem; padding: 0.4rem 0.8rem; }
ul { padding-left: 1.25rem; }
`
