//! Growing arrays in blocks: nothing moves when they grow, so growing never takes twice the
//! memory, and a copy shares every block until one of the two changes it.

use std::sync::Arc;

use larder_memory::OutOfMemory;

/// Elements of a block.
const BLOCK: usize = 1 << 13;

/// A growing array of small values.
#[derive(Debug, Clone)]
pub struct Arena<T> {
    blocks: Vec<Arc<Vec<T>>>,
    len: usize,
    /// Blocks that were shared and had to be copied.
    copied: usize,
}

impl<T> Default for Arena<T> {
    fn default() -> Self {
        Self { blocks: Vec::new(), len: 0, copied: 0 }
    }
}

impl<T: Copy> Arena<T> {
    /// How many elements there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// The bytes of memory that it takes, with those of the blocks that it shares and
    /// those that it copied.
    pub fn bytes(&self) -> usize {
        (self.blocks.len() + self.copied) * BLOCK * size_of::<T>()
    }

    /// Makes sure that [`Arena::push`] finds memory for another element.
    ///
    /// # Errors
    /// If there is not enough.
    pub fn reserve(&mut self) -> Result<(), OutOfMemory> {
        if self.len == self.blocks.len() * BLOCK {
            larder_memory::reserve(&mut self.blocks, 1)?;
            self.blocks.push(Arc::new(larder_memory::with_capacity(BLOCK)?));
        } else if self.blocks.last_mut().is_some_and(|block| Arc::get_mut(block).is_none()) {
            // It will be copied.
            larder_memory::check(BLOCK * size_of::<T>())?;
        }
        Ok(())
    }

    /// Appends an element and returns its number.
    pub fn push(&mut self, value: T) -> u32 {
        if self.len == self.blocks.len() * BLOCK {
            self.blocks.push(Arc::new(Vec::with_capacity(BLOCK)));
        }
        let number = self.len as u32;
        if let Some(block) = self.blocks.last_mut() {
            owned(block, &mut self.copied).push(value);
            self.len += 1;
        }
        number
    }

    /// The element `number`.
    pub fn get(&self, number: u32) -> Option<T> {
        self.blocks.get(number as usize / BLOCK)?.get(number as usize % BLOCK).copied()
    }

    /// Changes the element `number`; nothing if there is none.
    pub fn change(&mut self, number: u32, change: impl FnOnce(&mut T)) {
        if let Some(block) = self.blocks.get_mut(number as usize / BLOCK)
            && (number as usize) < self.len
            && let Some(place) = owned(block, &mut self.copied).get_mut(number as usize % BLOCK)
        {
            change(place);
        }
    }
}

/// A block that nobody else has.
fn owned<'b, T: Copy>(block: &'b mut Arc<Vec<T>>, copied: &mut usize) -> &'b mut Vec<T> {
    if Arc::get_mut(block).is_none() {
        let mut copy = Vec::with_capacity(BLOCK);
        copy.extend_from_slice(block);
        *block = Arc::new(copy);
        *copied += 1;
    }
    Arc::make_mut(block)
}
