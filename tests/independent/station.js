// A station that does what lines of JSON on its standard input say, and tells on its standard output what became of it.
'use strict';

const readline = require('node:readline');
const { RPCClient, NOREPLY, createValidator } = require('ocpp-rpc');
const schemas21 = require('ocpp-rpc/lib/schemas/ocpp2_1.json');

// The package's schemas of 2.1 bear other names (BootNotificationRequest) than it looks for (BootNotification.req).
const named21 = schemas21.map((schema) =>
  ({ ...schema, $id: schema.$id.replace(/Request$/, '.req').replace(/Response$/, '.conf') }));
const strictModeValidators = [createValidator('ocpp2.1', named21)];

let station;
const answers = new Map(); // action → what to answer; {raw: …} is sent as it stands, whatever the schema says

const tell = (event, rest = {}) => process.stdout.write(JSON.stringify({ event, ...rest }) + '\n');

const commands = {
  async connect(options) {
    const backoff = { initialDelay: 50, maxDelay: 500 };
    station = new RPCClient({ strictMode: true, strictModeValidators, backoff, ...options });
    for (const event of ['open', 'disconnect']) station.on(event, ({ code }) => tell(event, { code }));
    station.on('badMessage', ({ error }) => tell('badMessage', { reason: String(error) }));
    station.on('strictValidationFailure', ({ error, isCall, outbound }) =>
      tell('invalid', { reason: String(error), isCall, outbound: Boolean(outbound) }));
    station.handle(({ method, params, messageId, reply }) => {
      tell('asked', { action: method, payload: params });
      const answer = answers.get(method) ?? {};
      if (answer.raw === undefined) return answer;
      station.sendRaw(JSON.stringify([3, messageId, answer.raw]));
      reply(NOREPLY);
    });
    await station.connect();
    return station.protocol;
  },
  call: ({ action, payload }) => station.call(action, payload),
  answer: ({ action, payload }) => { answers.set(action, payload); },
  say: ({ frame }) => station.sendRaw(frame),
  close: () => station.close(),
};

readline.createInterface({ input: process.stdin }).on('line', async (line) => {
  const { number, command, ...rest } = JSON.parse(line);
  try {
    tell('done', { number, result: await commands[command](rest) ?? null });
  } catch (error) {
    tell('failed', { number, code: error.rpcErrorCode ?? error.code ?? null, reason: error.message });
  }
}).on('close', () => process.exit(0));
