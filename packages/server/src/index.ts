export { type Config, ConfigError, loadConfig } from './config.js'
export { type ServeOptions, type Service, startService } from './serve.js'
