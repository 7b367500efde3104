import { Command, CommanderError, Option } from 'commander'
import { CliError, EXIT, type ExitCode } from './cli-error.js'
import { approve } from './commands/approve.js'
import { challenges, STATES } from './commands/challenges.js'
import { reject } from './commands/reject.js'
import type { Io } from './io.js'
import { addPolicyCommand } from './policy/policy-command.js'

const EXIT_CODES = `
Exit status: 0 done, 1 refused or failed, 2 wrong usage or configuration, 3 no service answers.`

const SERVE_HELP = `
Environment:
  COUNTERSIGN_PORT, COUNTERSIGN_HOST    where it listens (8420 on 127.0.0.1)
  COUNTERSIGN_BASE_URL                  its URL for clients; required off loopback
  COUNTERSIGN_DATA                      data directory (.countersign)
  DATABASE_URL                          your own PostgreSQL instead of the embedded one
  REDIS_URL                             not used yet: news between nodes go by PostgreSQL
  COUNTERSIGN_ADMIN_TOKEN               bootstrap token, 32 characters or more (required with DATABASE_URL)
  COUNTERSIGN_KEK                       key that seals keys, 32 bytes as base64 or hex (required with DATABASE_URL)
  COUNTERSIGN_ROLES                     parts to run: sts, pdp, admin (all)
  COUNTERSIGN_ALLOW_PRIVATE_ADDRESSES   fetch keys and call webhooks at private addresses too (false)
  COUNTERSIGN_TRUST_PROXY               proxies whose X-Forwarded-For counts (none)`

const DECIDE_HELP = `
It finds the service that runs on this machine, and the approver's token, in the data directory. For another service
name both: --url https://auth.example.com --token-file FILE.`

/**
 * The whole command, without its exit: each action leaves its exit code with `done`. What runs the service is loaded only
 * then, since that takes a while.
 */
function createProgram(io: Io, version: string, done: (code: ExitCode) => void): Command {
  const run =
    <Args extends unknown[]>(action: (...args: Args) => Promise<ExitCode>) =>
    async (...args: Args): Promise<void> =>
      done(await action(...args))

  const program = new Command('countersign')
    .description('Pauses authority until someone proves they should have it.')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', 'print the help of a command')
    .addHelpText('after', EXIT_CODES)
    .exitOverride()
    .showHelpAfterError('Run it with --help to see what it takes.')
    .configureOutput({ writeOut: (text) => io.out(text.trimEnd()), writeErr: (text) => io.err(text.trimEnd()) })

  program
    .command('serve')
    .description('run the service until Ctrl-C')
    .addHelpText('after', SERVE_HELP)
    .action(run(async () => (await import('./commands/serve.js')).serve(io)))

  target(program.command('challenges'))
    .description('list what waits for somebody, and what was decided')
    .addOption(new Option('--state <state>', 'only challenges in this state').choices(STATES).default('pending'))
    .option('--json', 'print JSON')
    .option('--watch', 'go on printing what is new or changes')
    .action(run((options) => challenges(io, options)))

  target(program.command('approve'))
    .description('approve a paused request, as the owner of the token')
    .argument('<id>', 'id of the challenge')
    .option('--reason <text>', 'why, for the record')
    .addHelpText('after', DECIDE_HELP)
    .action(run((id, options) => approve(io, id, options)))

  target(program.command('reject'))
    .description('reject a paused request')
    .argument('<id>', 'id of the challenge')
    .option('--reason <text>', 'why, for the record')
    .addHelpText('after', DECIDE_HELP)
    .action(run((id, options) => reject(io, id, options)))

  program
    .command('demo')
    .description('show the whole loop on a service of its own; exits with 0 only if every step held')
    .option('--interactive', 'pause for you to approve, and keep the service running')
    .action(
      run(async (options) =>
        options.interactive === true
          ? (await import('./demo/interactive.js')).interactiveDemo(io)
          : (await import('./demo/unattended.js')).unattendedDemo(io),
      ),
    )

  addPolicyCommand(program, io, done)

  return program
}

function target(command: Command): Command {
  return command
    .option('--zone <zone>', 'only this zone, by id or slug')
    .option('--data <directory>', 'data directory of the service (COUNTERSIGN_DATA, or .countersign)')
    .option('--url <url>', 'another service')
    .option('--token-file <file>', "whose token to use, - for standard input (the data directory's approver)")
}

/** Runs the command line and tells every end in a sentence. */
export async function runProgram(argv: readonly string[], io: Io, version: string): Promise<number> {
  let code: ExitCode = EXIT.done
  const program = createProgram(io, version, (value) => {
    code = value
  })
  try {
    if (argv.length === 0) {
      program.outputHelp()
      return EXIT.usage
    }
    const [verb, named] = argv
    if (
      verb === 'help' &&
      named !== undefined &&
      ![...program.commands.map((one) => one.name()), verb].includes(named)
    ) {
      program.error(`error: unknown command '${named}'`)
    }
    await program.parseAsync([...argv], { from: 'user' })
    return code
  } catch (error) {
    // Commander has printed its own message, and the text that was asked for is no failure.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage
    if (io.signal.aborted) return 130
    const { errStyle: style } = io
    if (error instanceof CliError) {
      io.err(`${style.bad('Error:')} ${error.message}`)
      return error.exitCode
    }
    io.err(`${style.bad('Error:')} ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
    return EXIT.failed
  }
}
