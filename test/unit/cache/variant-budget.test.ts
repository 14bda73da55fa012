import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { NEW_VARIANTS_PER_MINUTE, VariantBudget } from '../../../src/cache/variant-budget.ts'

/** How many of so many more variants are admitted. */
function admitted(budget: VariantBudget, key: string, nowMs: number, wanted = 300): number {
  let count = 0
  for (let i = 0; i < wanted; i++) if (budget.admit(key, nowMs)) count++
  return count
}

describe('VariantBudget', () => {
  test('bounds the new variants of one resource, and of no other', () => {
    const budget = new VariantBudget()
    assert.equal(admitted(budget, 'http|a|/x', 1000), NEW_VARIANTS_PER_MINUTE)
    assert.equal(admitted(budget, 'http|a|/y', 1000), NEW_VARIANTS_PER_MINUTE)
  })

  test('begins anew each minute', () => {
    const budget = new VariantBudget()
    admitted(budget, 'k', 5000)
    assert.equal(admitted(budget, 'k', 64_999), 0)
    assert.equal(admitted(budget, 'k', 65_000), NEW_VARIANTS_PER_MINUTE)
  })

  test('spreads resources: ten thousand of them with three variants each are all admitted', () => {
    const budget = new VariantBudget()
    for (let i = 0; i < 10_000; i++) assert.equal(admitted(budget, `https|shop.example.com|/item/${i}`, 0, 3), 3)
  })
})
