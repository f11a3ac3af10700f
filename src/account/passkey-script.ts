/**
 * The one script of the account pages: hands what the page asks for to the browser's passkeys, and
 * puts the answer into the form. Without it, and without passkeys, the other ways in stay.
 */
export const PASSKEY_SCRIPT = `'use strict';
(() => {
  const form = document.querySelector('form[data-passkey]');
  const problem = document.getElementById('problem');
  const bytes = (text) =>
    Uint8Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/')), (one) => one.charCodeAt(0));
  const text = (buffer) =>
    btoa(String.fromCharCode(...new Uint8Array(buffer)))
      .replace(/[+]/g, '-').replace(/[/]/g, '_').replace(/=/g, '');
  const known = (list) => (list || []).map((one) => ({ ...one, id: bytes(one.id) }));

  const ask = async () => {
    const options = JSON.parse(form.dataset.options);
    options.challenge = bytes(options.challenge);
    if (form.dataset.passkey === 'get') return navigator.credentials.get({ publicKey: options });
    options.user.id = bytes(options.user.id);
    options.excludeCredentials = known(options.excludeCredentials);
    return navigator.credentials.create({ publicKey: options });
  };

  const written = (credential) => {
    const { response } = credential;
    const answer = { clientDataJSON: text(response.clientDataJSON) };
    for (const name of ['attestationObject', 'authenticatorData', 'signature', 'userHandle'])
      if (response[name] instanceof ArrayBuffer) answer[name] = text(response[name]);
    if (response.getTransports) answer.transports = response.getTransports();
    const { id, type } = credential;
    return JSON.stringify({ id, rawId: id, type, response: answer, clientExtensionResults: {} });
  };

  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    problem.hidden = true;
    try {
      if (!window.PublicKeyCredential) throw new Error('no passkeys');
      form.elements.namedItem('response').value = written(await ask());
      form.submit();
    } catch (error) {
      problem.textContent =
        error.name === 'InvalidStateError'
          ? 'This device has a passkey of yours for this site already.'
          : 'No passkey was used: it was cancelled, took too long, or this browser has none for this site.';
      problem.hidden = false;
    }
  });
})();
`
