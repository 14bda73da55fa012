/** `test "TITLE" { ... }` to what `simulate` runs. */
import type { Place } from '../../plan/plan.ts'
import type { Expectation, OriginScript, RequestScript, StoredScript, TestPlan } from '../../plan/test-plan.ts'
import type { Span } from '../ast.ts'
import { type Block, headOf, headSpan, type Node } from '../checked.ts'
import type { Directive } from '../directives/directive.ts'
import * as tests from '../directives/test-block.ts'
import { testExpect } from '../directives/test-expect.ts'
import { placeOf } from './place.ts'

/** A test, and where its statements stand: `spans` by the Place objects of `plan`. */
export interface CompiledTest {
  readonly plan: TestPlan
  readonly spans: ReadonlyMap<Place, Span>
}

/** undefined: a statement it needs could not be read, which has been reported. */
export function buildTest(node: Node<string>): CompiledTest | undefined {
  const { block } = node
  const request = block.node(tests.testRequest)
  if (request === undefined) return undefined
  const spans = new Map<Place, Span>()
  const placeIn = ({ statement }: Node): Place => {
    const span = headSpan(statement)
    const place = placeOf(span)
    spans.set(place, span)
    return place
  }
  const plan: TestPlan = {
    name: node.value,
    request: buildRequest(request.value, fieldsOf(request.block, tests.testHeader)),
    origin: buildOrigin(block),
    stored: block.all(tests.testStored).map((stored) => buildStored(stored, placeIn(stored))),
    expectations: block.all(testExpect).map((one): Expectation => ({ ...one.value, place: placeIn(one) })),
    place: placeOf(headOf(node)),
  }
  return { plan, spans }
}

function buildRequest(request: tests.RequestArguments, fields: readonly string[]): RequestScript {
  return { ...request, fields }
}

function buildOrigin(block: Block): OriginScript | undefined {
  const origin = block.node(tests.testOrigin)
  if (origin?.value.kind !== 'response') return origin?.value
  return { ...origin.value, fields: fieldsOf(origin.block, tests.testHeader) }
}

function buildStored({ value, block }: Node<tests.StoredArguments>, place: Place): StoredScript {
  return {
    request: buildRequest(value.request, fieldsOf(block, tests.testRequestHeader)),
    response: { status: value.status, fields: fieldsOf(block, tests.testHeader) },
    ageMs: value.ageMs,
    ttlMs: value.ttlMs,
    place,
  }
}

function fieldsOf(block: Block, directive: Directive<tests.FieldArguments>): readonly string[] {
  return block.all(directive).flatMap(({ value }) => [value.name, value.value])
}
