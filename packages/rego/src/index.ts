export { Decimal, type Json } from './value.js'
