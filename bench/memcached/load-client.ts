/**
 * One load on one proxy, as a process of its own on the load's core: `node load-client.ts OPTIONS PID`, OPTIONS as JSON. Prints
 * the report, and the CPU time that the process PID and all below it took from the moment every key was set.
 */
import { runMcBench } from '../../src/mc-bench/bench.ts'
import { cpuMicros } from '../process.ts'

const [options, pid] = process.argv.slice(2)
let before = Number.NaN
const report = await runMcBench(JSON.parse(options!), {
  onProgress: () => {},
  onRun: () => {
    before = cpuMicros(Number(pid))
  },
})
process.stdout.write(JSON.stringify({ report, cpuMicros: cpuMicros(Number(pid)) - before }))
process.exit(0)
